"""Dialogues under TLS, decrypted with a key log or with the keys a capture holds, from the file to the words."""

from __future__ import annotations

import os
import random
import ssl
import struct
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from testbed.errors import UsageError
from testbed.pcap.keylog import parse_key_log, read_key_log, secrets_in
from testbed.pcap.tshark import Sealed, open_records
from testbed.protocols.record_protection.opening import open_connection
from testbed.protocols.tls import ALERT, APPLICATION_DATA, HANDSHAKE, Plaintext
from testbed.trace.inspect import inspect
from testbed.trace.model.connection import Connection
from tests.command import testbed
from tests.tls_talk import (
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    TlsTalk,
    client_context,
    pcapng,
    server_context,
)

VERSIONS = {"TLS 1.0": TLS_1_0, "TLS 1.1": TLS_1_1, "TLS 1.2": TLS_1_2, "TLS 1.3": TLS_1_3}

Begin = Callable[..., TlsTalk]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def begin(keys: Path) -> Begin:
    def talk(**how: int) -> TlsTalk:
        return TlsTalk(keys, **how).open()

    return talk


def secure(talk: TlsTalk, version: ssl.TLSVersion = TLS_1_3) -> TlsTalk:
    return talk.secure(client_context(version), server_context(version))


def stored(folder: Path, *talks: TlsTalk, secrets: bytes = b"", without: tuple[int, ...] = ()) -> Path:
    path = folder / "capture.pcapng"
    path.write_bytes(pcapng(*talks, secrets=secrets, without=without))
    return path


def told(connection: Connection) -> list[tuple[str, str]]:
    """Commands and the codes of their replies."""
    return [(e.command.verb if e.command else "", e.reply.code if e.reply else "") for e in connection.exchanges]


MAIL = ("C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 452 4.2.2 full", "C QUIT", "S 221 bye")
SMTP = ("S 220 mx", "C EHLO a", "S 250 mx", *MAIL)
SMTP_TOLD = [("connect", "220"), ("EHLO", "250"), ("MAIL", "250"), ("RCPT", "452"), ("QUIT", "221")]
IMAP = ("S * OK hi", "C a LOGIN u p", "S a NO wrong", "C b LOGOUT", "S b OK")
IMAP_TOLD = [("connect", "OK"), ("LOGIN", "NO"), ("LOGOUT", "OK")]
POP3 = ("S +OK hi", "C USER u", "S +OK", "C PASS p", "S -ERR no", "C QUIT", "S +OK")
POP3_TOLD = [("connect", "+OK"), ("USER", "+OK"), ("PASS", "-ERR"), ("QUIT", "+OK")]

# Port, what is said before TLS begins, what is said under it, the service and the exchanges it is followed as.
DIALOGUES = {
    "submissions": (465, (), SMTP, "submission", SMTP_TOLD),
    "imaps": (993, (), IMAP, "imap", IMAP_TOLD),
    "pop3s": (995, (), POP3, "pop3", POP3_TOLD),
    "implicit TLS on any port": (9_993, (), IMAP, "imap", IMAP_TOLD),
    "SMTP STARTTLS": (
        25,
        ("S 220 mx", "C EHLO a", "S 250 STARTTLS", "C STARTTLS", "S 220 go"),
        ("C EHLO a", "S 250 mx", *MAIL),
        "smtp",
        [("connect", "220"), ("EHLO", "250"), ("STARTTLS", "220"), *SMTP_TOLD[1:]],
    ),
    "SMTP STARTTLS on any port": (
        2_526,
        ("S 220 mx", "C EHLO a", "S 250 STARTTLS", "C STARTTLS", "S 220 go"),
        ("C EHLO a", "S 250 mx", *MAIL),
        "smtp",
        [("connect", "220"), ("EHLO", "250"), ("STARTTLS", "220"), *SMTP_TOLD[1:]],
    ),
    "POP3 STLS": (
        110,
        ("S +OK hi", "C STLS", "S +OK go"),
        POP3[1:],
        "pop3",
        [("connect", "+OK"), ("STLS", "+OK"), *POP3_TOLD[1:]],
    ),
    "IMAP STARTTLS": (
        143,
        ("S * OK hi", "C x STARTTLS", "S x OK go"),
        IMAP[1:],
        "imap",
        [("connect", "OK"), ("STARTTLS", "OK"), *IMAP_TOLD[1:]],
    ),
}


@pytest.mark.parametrize("version", ["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("name", DIALOGUES)
@pytest.mark.parametrize("most", [100, 1_400])
def test_the_dialogue_is_followed(name: str, version: str, most: int, begin: Begin, keys: Path, tmp_path: Path) -> None:
    port, before, under, service, exchanges = DIALOGUES[name]
    talk = secure(begin(port=port, most=most).say(*before), VERSIONS[version]).say(*under).goodbye(1).close()
    analysis = inspect(stored(tmp_path, talk), str(keys))
    [connection] = analysis.connections
    assert not analysis.problems
    assert (connection.service, told(connection)) == (service, exchanges)
    assert connection.tls is not None
    assert connection.tls.summary == f"{version} for mx.example, decrypted"
    frames = [frame for exchange in connection.exchanges for frame in exchange.frames]
    assert frames == sorted(frames)


@pytest.mark.parametrize("version", ["TLS 1.0", "TLS 1.1"])
def test_old_versions_are_decrypted_too(version: str, begin: Begin, keys: Path, tmp_path: Path) -> None:
    talk = secure(begin(port=993), VERSIONS[version]).say(*IMAP).close()
    [connection] = inspect(stored(tmp_path, talk), str(keys)).connections
    assert told(connection) == IMAP_TOLD


@pytest.mark.parametrize("version", ["TLS 1.2", "TLS 1.3"])
def test_a_session_that_is_resumed_is_named(version: str, begin: Begin, keys: Path, tmp_path: Path) -> None:
    ends = client_context(VERSIONS[version]), server_context(VERSIONS[version])
    first = begin(port=993, client_port=40_001).secure(*ends).say(*IMAP).close()
    second = begin(port=993, client_port=40_002).secure(*ends, first.session).say(*IMAP).close()
    analysis = inspect(stored(tmp_path, first, second), str(keys))
    assert [told(connection) for connection in analysis.connections] == [IMAP_TOLD, IMAP_TOLD]
    assert [connection.tls.summary for connection in analysis.connections if connection.tls is not None] == [
        f"{version} for mx.example, decrypted",
        f"{version} for mx.example, resumed, decrypted",
    ]


def test_a_side_without_its_secret_makes_a_dialogue_known_in_part(begin: Begin, keys: Path, tmp_path: Path) -> None:
    path = stored(tmp_path, secure(begin(port=993)).say(*IMAP).close())
    keys.write_bytes(b"".join(line for line in keys.read_bytes().splitlines(True) if b"SERVER_TRAFFIC" not in line))
    analysis = inspect(path, str(keys))
    [connection] = analysis.connections
    assert analysis.problems == ("the TLS of #1 stays encrypted in part: the keys for it are not complete",)
    assert [(e.command.verb, e.reply, e.note) for e in connection.exchanges if e.command is not None] == [
        ("LOGIN", None, "reply not in the capture"),
        ("LOGOUT", None, "reply not in the capture"),
    ]
    assert connection.tls is not None
    assert connection.tls.summary == "TLS 1.3 for mx.example, decrypted in part"
    assert connection.tls.sealed


def test_the_keys_a_capture_holds(begin: Begin, keys: Path, tmp_path: Path) -> None:
    talk = secure(begin(port=993)).say(*IMAP).close()
    [connection] = inspect(stored(tmp_path, talk, secrets=keys.read_bytes())).connections
    assert told(connection) == IMAP_TOLD


def test_keys_of_the_capture_and_of_a_file_together(begin: Begin, keys: Path, tmp_path: Path) -> None:
    one = secure(begin(port=993, client_port=40_001)).say(*IMAP).close()
    secrets = keys.read_bytes()
    keys.write_bytes(b"")
    other = secure(begin(port=993, client_port=40_002)).say(*IMAP).close()
    analysis = inspect(stored(tmp_path, one, other, secrets=secrets), str(keys))
    assert [told(connection) for connection in analysis.connections] == [IMAP_TOLD, IMAP_TOLD]


def test_many_connections_are_kept_apart(begin: Begin, keys: Path, tmp_path: Path) -> None:
    talks = [
        secure(begin(port=465, client_port=40_000 + n), (TLS_1_2, TLS_1_3)[n % 2])
        .say("S 220 mx", f"C EHLO host{n}", "S 250 mx")
        .close()
        for n in range(12)
    ]
    plain = begin(client_port=50_000).say("S 220 mx", "C EHLO plain", "S 250 mx").close()
    analysis = inspect(stored(tmp_path, plain, *talks), str(keys))
    greetings = [c.exchanges[1].command.argument for c in analysis.connections if c.exchanges[1].command is not None]
    assert greetings == ["plain", *(f"host{n}" for n in range(12))]


def test_a_long_message_is_whole(begin: Begin, keys: Path, tmp_path: Path) -> None:
    text = b"".join(b"%06d " % n + bytes(97 + n % 26 for n in range(60)) + b"\r\n" for n in range(3_000)) + b".\r\n"
    talk = secure(begin(port=465)).say(*SMTP[:5], "C RCPT TO:<b@y>", "S 250 ok", "C DATA", "S 354 go")
    talk.tell(0, text).say("S 250 2.0.0 taken", "C QUIT", "S 221 bye").close()
    [connection] = inspect(stored(tmp_path, talk), str(keys)).connections
    [transaction] = connection.transactions
    assert transaction.recipients[0].accepted
    assert transaction.message is not None
    assert transaction.message.command is not None
    assert transaction.message.command.octets == len(text)


def test_segments_out_of_order_and_sent_again(begin: Begin, keys: Path, tmp_path: Path) -> None:
    talk = secure(begin(port=993, most=90)).say(*IMAP).close()
    runs = [list(run) for _, run in groupby(talk.packets[3:-3], key=lambda packet: packet[20:22])]
    talk.packets[3:-3] = [packet for run in runs for packet in (*reversed(run), *run[::2])]
    [connection] = inspect(stored(tmp_path, talk), str(keys)).connections
    assert told(connection) == IMAP_TOLD


def test_what_comes_after_a_hole_stays_encrypted(begin: Begin, keys: Path, tmp_path: Path) -> None:
    talk = secure(begin(port=993)).say(*IMAP[:1])
    missed = len(talk.packets) + 1
    talk.say(*IMAP[1:]).close()
    [connection] = inspect(stored(tmp_path, talk, without=(missed,)), str(keys)).connections
    assert connection.transport.gaps == 1
    assert ("connect", "OK") in told(connection)
    assert "LOGOUT" not in dict(told(connection))


def test_an_alert_that_was_encrypted(begin: Begin, keys: Path, tmp_path: Path) -> None:
    server = server_context(TLS_1_3)
    server.verify_mode = ssl.CERT_REQUIRED
    talk = begin(port=993).secure(client_context(TLS_1_3), server).close()
    assert talk.refused
    path = stored(tmp_path, talk)
    assert not {f.code for f in inspect(path).findings}
    assert {f.code for f in inspect(path, str(keys)).findings} == {"tls-certificate-required"}


# -- keys that do not fit -------------------------------------------------------------------------------


def _wrong(text: bytes) -> bytes:
    """The same connections, other secrets."""
    return b"\n".join(line[:-4] + (b"0000" if line[-4:] != b"0000" else b"1111") for line in text.splitlines()) + b"\n"


@pytest.mark.parametrize("version", ["TLS 1.2", "TLS 1.3"])
def test_wrong_keys_are_told(version: str, begin: Begin, keys: Path, tmp_path: Path) -> None:
    path = stored(tmp_path, secure(begin(port=993), VERSIONS[version]).say(*IMAP).close())
    keys.write_bytes(_wrong(keys.read_bytes()))
    analysis = inspect(path, str(keys))
    assert analysis.problems == ("the TLS of #1 stays encrypted: the keys for it are wrong",)
    assert not analysis.connections[0].exchanges


def test_keys_of_other_connections_are_told(begin: Begin, keys: Path, tmp_path: Path) -> None:
    path = stored(tmp_path, secure(begin(port=993)).say(*IMAP).close())
    keys.unlink()
    secure(begin(port=993))
    [problem] = inspect(path, str(keys)).problems
    assert problem == f"none of the TLS keys of {keys} belongs to a connection of this capture"


def test_right_keys_among_others(begin: Begin, keys: Path, tmp_path: Path) -> None:
    talk = secure(begin(port=993)).say(*IMAP).close()
    noise = b"\xff\xfe not UTF-8\nCLIENT_RANDOM zz zz\n\0\n" + b"CLIENT_RANDOM " + b"ab" * 500 + b"\n"
    others = b"".join(b"CLIENT_RANDOM %064x %096x\r\n" % (n, n) for n in range(2_000))
    keys.write_bytes(noise + others + keys.read_bytes().replace(b"\n", b"\r\n"))
    analysis = inspect(stored(tmp_path, talk), str(keys))
    assert (analysis.problems, told(analysis.connections[0])) == ((), IMAP_TOLD)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 20)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no such file"),
    "a folder": (Path.mkdir, "director"),
    "a pipe": (os.mkfifo, "not a regular file"),
    "empty": (Path.touch, "not a TLS key log"),
    "text": (lambda path: path.write_text("hello\n"), "not a TLS key log"),
    "not UTF-8": (lambda path: path.write_bytes(bytes(range(256)) * 100), "not a TLS key log"),
    "one long line": (lambda path: path.write_bytes(b"CLIENT_RANDOM " + b"a" * 10_000_000), "not a TLS key log"),
    "100 MiB": (_sparse, "longer than 64 MiB"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_key_log(name: str, tmp_path: Path) -> None:
    make, complaint = HOSTILE[name]
    path = tmp_path / "hostile"
    make(path)
    with pytest.raises(UsageError, match=complaint) as caught:
        read_key_log(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_a_key_log_named_with_nul_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_key_log("a\0b")


def test_damaged_secrets_in_a_capture_do_no_harm(begin: Begin, tmp_path: Path) -> None:
    talk = secure(begin(port=993)).say(*IMAP).close()
    analysis = inspect(stored(tmp_path, talk, secrets=b"\xff" * 1_000))
    assert not analysis.problems
    assert not analysis.connections[0].exchanges


# -- suites that only tshark opens ----------------------------------------------------------------------


@pytest.fixture
def foreign(begin: Begin, keys: Path, tmp_path: Path) -> Path:
    """A capture of a suite that we do not open, with its keys."""
    client, server = client_context(TLS_1_2), server_context(TLS_1_2)
    for context in (client, server):
        context.set_ciphers("ECDHE-ECDSA-CAMELLIA128-SHA256")
    talk = begin(port=993).secure(client, server).say(*IMAP).close()
    return stored(tmp_path, talk, secrets=keys.read_bytes())


def _only(monkeypatch: pytest.MonkeyPatch, folder: Path, tshark: str = "") -> None:
    """A PATH with nothing on it but the script for ``tshark``, if any."""
    (folder / "bin").mkdir()
    if tshark:
        (folder / "bin" / "tshark").write_text(f"#!/bin/sh\n{tshark}\n")
        (folder / "bin" / "tshark").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"))


@pytest.mark.program("tshark")
def test_what_we_do_not_open_tshark_does(foreign: Path) -> None:
    analysis = inspect(foreign)
    assert (analysis.problems, told(analysis.connections[0])) == ((), IMAP_TOLD)


SUITE = "the TLS of #1 stays encrypted: testbed cannot decrypt TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256"


def test_without_tshark_the_suite_is_named(foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, tmp_path)
    analysis = inspect(foreign)
    assert analysis.problems == (f"{SUITE}, but tshark can: 'testbed doctor' says how to install it",)
    assert analysis.connections[0].tls is not None
    assert analysis.connections[0].tls.sealed


def test_a_tshark_that_fails_is_told(foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, tmp_path, "echo 'tshark: out of \033[31mcheese' >&2; exit 3")
    [problem] = inspect(foreign).problems
    assert problem.startswith(f"{SUITE}, and tshark cannot decrypt TLS: tshark: out of \\x1b[31mcheese")


def _sealed(talk: TlsTalk) -> list[Sealed]:
    """The records of a talk without segmentation."""
    found = []
    for packet in talk.packets:
        side, rest = int(int.from_bytes(packet[20:22], "big") == talk.port), packet[40:]
        while rest:
            length = 5 + int.from_bytes(rest[3:5], "big")
            found.append(Sealed(0, side, rest[:length]))
            rest = rest[length:]
    return found


@pytest.mark.program("tshark")
@pytest.mark.parametrize(
    "protocol", ["", "http/1.1", "h2", "imap", "pop3", "managesieve", "smtp", "ftp", "dot", "mqtt"]
)
@pytest.mark.parametrize("version", ["TLS 1.2", "TLS 1.3"])
def test_no_protocol_keeps_the_plain_text(protocol: str, version: str, keys: Path) -> None:
    client, server = client_context(VERSIONS[version]), server_context(VERSIONS[version])
    if protocol:
        client.set_alpn_protocols([protocol])
        server.set_alpn_protocols([protocol])
    said = [
        (0, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (1, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        (0, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (1, b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0"),
        (0, b"8=FIX.4.2\x019=5\x01"),
        (1, bytes(16_384)),
        (0, b"a001 LOGIN u {5}\r\n"),
        (1, b"0"),
    ]
    talk = TlsTalk(keys, most=60_000).secure(client, server)
    for side, octets in said:
        talk.tell(side, octets)
    sealed = _sealed(talk.goodbye(1))
    opened = dict(open_records(sealed, keys.read_bytes()))
    ours = open_connection([(one.side, one.octets) for one in sealed], parse_key_log(keys.read_bytes()).secrets).plain
    assert {n: what for n, what in ours.items() if what.kind != HANDSHAKE} == {
        n: what for n, what in opened.items() if what.kind != HANDSHAKE
    }
    data = [(sealed[n].side, what.octets) for n, what in sorted(opened.items()) if what.kind == APPLICATION_DATA]
    assert data == said
    assert opened[len(sealed) - 1] == Plaintext(ALERT, b"\x01\x00")


@pytest.mark.program("tshark")
@pytest.mark.parametrize("seed", range(3))
def test_damaged_records_never_harm(seed: int, keys: Path) -> None:
    sealed = _sealed(secure(TlsTalk(keys, most=60_000)).say(*IMAP))
    chance = random.Random(seed)
    damaged = []
    for record in sealed * 3:
        octets = bytearray(record.octets)
        for _ in range(chance.randrange(4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        damaged.append(Sealed(chance.randrange(3), chance.randrange(2), bytes(octets)))
    opened = dict(open_records(damaged, keys.read_bytes()))
    assert set(opened) <= set(range(len(damaged)))
    # tshark does not check every record's tag: what was damaged may come out as noise, but never as more than it was.
    assert all(len(what.octets) <= len(damaged[number].octets) for number, what in opened.items())


def test_key_lines_are_kept_by_random() -> None:
    random_octets = bytes(range(32))
    line = b"CLIENT_RANDOM " + random_octets.hex().encode() + b" " + b"ab" * 48
    keys = parse_key_log(b"# comment\n" + line + b"\r\n" + line + b"\nRSA abc def\n", b"no key\n")
    assert keys.of([random_octets, random_octets, bytes(32)]) == line + b"\n"
    assert keys
    assert not parse_key_log(b"")


def test_secrets_of_another_kind_are_no_key_log() -> None:
    body = struct.pack("<II", 0x57474B4C, 4) + b"keys"
    assert secrets_in(memoryview(body), "<") == b""
    assert secrets_in(memoryview(struct.pack(">II", 0x544C534B, 4) + b"keys"), ">") == b"keys"
    with pytest.raises(struct.error):
        secrets_in(memoryview(b"abc"), "<")


# -- the command line -----------------------------------------------------------------------------------


def test_the_report_says_that_it_was_decrypted(begin: Begin, keys: Path, tmp_path: Path) -> None:
    path = stored(tmp_path, secure(begin(port=465)).say(*SMTP).close())
    shown = testbed("inspect", "--keylog", keys, path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "TLS 1.3 for mx.example, decrypted" in " ".join(shown.stdout.split())
    assert "mailbox full" in shown.stdout


def test_a_wrong_key_log_is_wrong_usage(begin: Begin, tmp_path: Path) -> None:
    path = stored(tmp_path, begin().close())
    shown = testbed("inspect", "--keylog", tmp_path, path)
    assert shown.returncode == 2
    assert shown.stderr.startswith(f"error: {tmp_path}: the key log cannot be read")
