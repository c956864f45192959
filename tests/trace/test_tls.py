"""TLS in a capture without any keys: records, hellos, alerts, and what there is to say about them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from testbed.pcap.read import parse_capture
from testbed.protocols.cipher_suites import cipher_name
from testbed.protocols.tls import (
    ALERTS,
    APPLICATION_DATA,
    HANDSHAKE,
    HEADER,
    Plaintext,
    alert_name,
    parse_hello,
    version_name,
)
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse
from testbed.trace.model.tls import TlsSession
from testbed.trace.tcp.reassembly import Chunk, Gap
from testbed.trace.tls.records import RecordReader, TlsRecord
from testbed.trace.tls.session import TlsWatch, with_decrypted
from tests.tls_talk import (
    NAME,
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    TlsTalk,
    authority,
    client_context,
    pcapng,
    server_context,
)

EVERY_VERSION = {"TLS 1.0": TLS_1_0, "TLS 1.1": TLS_1_1, "TLS 1.2": TLS_1_2, "TLS 1.3": TLS_1_3}


@pytest.fixture
def talk(tmp_path: Path) -> Callable[..., TlsTalk]:
    def begin(**how: int) -> TlsTalk:
        return TlsTalk(tmp_path / "keys", **how).open()

    return begin


def look(*talks: TlsTalk) -> Analysis:
    return analyse(parse_capture(np.frombuffer(pcapng(*talks), np.uint8)))


def wire(client: ssl.SSLContext, server: ssl.SSLContext, keylog: Path) -> list[tuple[int, bytes]]:
    """What both sides send in a handshake, side by side."""
    talk = TlsTalk(keylog, most=60_000).secure(client, server)
    return [(int.from_bytes(packet[20:22], "big") == 25, packet[40:]) for packet in talk.packets]


@pytest.fixture(scope="module")
def handshakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[int, bytes]]]:
    keylog = tmp_path_factory.mktemp("keys") / "keys"
    return {name: wire(client_context(v), server_context(v), keylog) for name, v in EVERY_VERSION.items()}


def chunks(*parts: tuple[int, bytes], most: int = 1 << 16) -> list[Chunk]:
    cut = [(side, octets[at : at + most]) for side, octets in parts for at in range(0, len(octets), most)]
    return [Chunk(side, octets, frame, frame) for frame, (side, octets) in enumerate(cut, 1)]


def session(*items: Chunk | Gap) -> TlsSession | None:
    watch = TlsWatch()
    list(watch.over(items))
    return watch.session()


def parts(items: list[Chunk] | list[Chunk | Gap]) -> Iterator[Chunk | Gap | TlsRecord]:
    reader = RecordReader()
    for item in items:
        yield from reader.feed(item)
    yield from reader.finish()


# -- what a hello says ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", EVERY_VERSION)
def test_both_hellos_of_every_version(version: str, handshakes: dict[str, list[tuple[int, bytes]]]) -> None:
    seen = session(*chunks(*handshakes[version]))
    assert seen is not None
    assert (version_name(seen.offered), version_name(seen.version)) == (version, version)
    assert seen.implicit
    assert seen.server_name == NAME
    assert len(seen.random) == 32
    assert seen.suite.startswith("TLS_")
    assert seen.steps[:2] == ((1, 0, "ClientHello"), (2, 1, "ServerHello"))
    assert not seen.alerts


def test_application_protocols(tmp_path: Path) -> None:
    client, server = client_context(TLS_1_2), server_context(TLS_1_2)
    client.set_alpn_protocols(["imap", "pop3"])
    server.set_alpn_protocols(["pop3"])
    seen = session(*chunks(*wire(client, server, tmp_path / "keys")))
    assert seen is not None
    assert (seen.alpn_offered, seen.alpn) == (("imap", "pop3"), "pop3")


@pytest.mark.parametrize("version", EVERY_VERSION)
def test_a_hello_cut_short_is_none(version: str, handshakes: dict[str, list[tuple[int, bytes]]]) -> None:
    for _, octets in handshakes[version][:2]:
        length = int.from_bytes(octets[3:5], "big")
        hello = octets[HEADER : HEADER + length]
        assert parse_hello(hello) is not None
        # Extensions may be missing as a whole; a message may not end anywhere else.
        assert sum(parse_hello(hello[:end]) is not None for end in range(len(hello))) <= 1


@given(st.binary(max_size=200), st.sampled_from([b"\x01", b"\x02"]))
def test_any_octets_may_call_themselves_hello(octets: bytes, kind: bytes) -> None:
    parse_hello(kind + len(octets).to_bytes(3, "big") + octets)


def test_names_of_what_has_none() -> None:
    assert version_name(0x7F1C) == "0x7f1c"
    assert cipher_name(0x0A0A) == "0x0a0a"
    assert alert_name(200)[0] == "alert 200"


# -- records --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 3, 100, 1 << 16])
def test_segments_do_not_matter_to_records(most: int, handshakes: dict[str, list[tuple[int, bytes]]]) -> None:
    greeting = [(1, b"220 mx\r\n"), (0, b"STARTTLS\r\n"), (1, b"220 go\r\n")]
    whole = [*greeting, *handshakes["TLS 1.3"], (0, b"\x17\x03\x03\x00\x02ab\x17\x03\x03\x00\x01c")]
    found = list(parts(chunks(*whole, most=most)))
    records = [item for item in found if isinstance(item, TlsRecord)]
    plain = [(item.side, item.octets) for item in found if isinstance(item, Chunk)]
    for side in (0, 1):
        said = b"".join(octets for sender, octets in greeting if sender == side)
        sent = b"".join(octets for sender, octets in whole if sender == side)
        assert b"".join(octets for sender, octets in plain if sender == side) == said
        assert said + b"".join(record.octets for record in records if record.side == side) == sent
        places = [record.place for record in records if record.side == side]
        assert places == [(side, number) for number in range(len(places))]
    assert [record.fragment for record in records[-2:]] == [b"ab", b"c"]


NOT_TLS = {
    "a dialogue": [(1, b"220 mx\r\n"), (0, b"EHLO a\r\n")],
    "a record type alone": [(0, b"\x16")],
    "a hello of another protocol": [(0, b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00")],
    "a server that begins": [(1, b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00")],
    "data in the middle of TLS": [(0, b"\x17\x03\x03\x00\x02ab"), (1, b"\x17\x03\x03\x00\x02ab")],
}


@pytest.mark.parametrize("name", NOT_TLS)
def test_what_is_not_tls_is_given_as_it_is(name: str) -> None:
    items = chunks(*NOT_TLS[name])
    assert list(parts(items)) == items
    assert list(with_decrypted(items, {})) == items
    assert session(*items) is None


def test_a_hole_ends_the_records_of_its_side(handshakes: dict[str, list[tuple[int, bytes]]]) -> None:
    secret = b"\x17\x03\x03\x00\x02ab"
    items: list[Chunk | Gap] = [*chunks(*handshakes["TLS 1.2"]), Gap(0, 100, 50, 50)]
    items += [Chunk(0, secret, 51, 51), Chunk(1, secret, 52, 52)]
    found = list(parts(items))
    assert [(item.side, item.frame) for item in found[-2:]] == [(0, 50), (1, 52)]
    assert isinstance(found[-2], Gap)
    assert isinstance(found[-1], TlsRecord)


def test_octets_that_are_no_record_end_the_records(handshakes: dict[str, list[tuple[int, bytes]]]) -> None:
    before = len(list(parts(chunks(*handshakes["TLS 1.2"]))))
    after = [(0, b"\x17\x03\x03\xff\xff"), (0, b"\x17\x03\x03\x00\x01a")]
    assert len(list(parts(chunks(*handshakes["TLS 1.2"], *after)))) == before


ITEMS = st.lists(
    st.builds(
        Chunk,
        st.integers(0, 1),
        st.one_of(
            st.binary(min_size=1, max_size=40),
            st.sampled_from(
                [b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16"]
            ),
        ),
        st.just(1),
        st.just(1),
    )
    | st.builds(Gap, st.integers(0, 1), st.integers(1, 1 << 20), st.just(1), st.just(1)),
    max_size=12,
)


@given(ITEMS)
def test_without_keys_every_item_is_given_as_it_is(items: list[Chunk | Gap]) -> None:
    assert list(with_decrypted(items, {})) == items


@given(ITEMS)
def test_octets_are_given_once_or_dropped_as_ciphertext(items: list[Chunk | Gap]) -> None:
    given_out = list(parts(items))
    for side in (0, 1):
        before = b"".join(i.octets for i in items if isinstance(i, Chunk) and i.side == side)
        after = b"".join(i.octets for i in given_out if not isinstance(i, Gap) and i.side == side)
        assert len(after) <= len(before)
        if not any(isinstance(i, Gap) and i.side == side for i in items):
            assert before.startswith(after)


def test_plain_text_takes_the_place_of_records(handshakes: dict[str, list[tuple[int, bytes]]]) -> None:
    greeting = [(1, b"220 mx\r\n"), (0, b"STARTTLS\r\n"), (1, b"220 go\r\n")]
    secret = b"\x17\x03\x03\x00\x02ab"
    items = chunks(*greeting, *handshakes["TLS 1.2"], (0, secret), (1, secret), (0, secret))
    first, middle, last = [item.place for item in parts(items) if isinstance(item, TlsRecord)][-3:]
    opened = {
        (0, 0): Plaintext(HANDSHAKE, b""),
        first: Plaintext(APPLICATION_DATA, b"EHLO a\r\n"),
        middle: None,
        last: Plaintext(APPLICATION_DATA, b"QUIT\r\n"),
    }
    told = [
        (item.side, item.octets if isinstance(item, Chunk) else item.encrypted)
        for item in with_decrypted(items, opened)
    ]
    assert told == [*greeting, (0, b"EHLO a\r\n"), (1, True), (0, b"QUIT\r\n")]


# -- what there is to say -------------------------------------------------------------------------------


def _expired() -> trustme.LeafCert:
    return authority().issue_cert(NAME, not_after=datetime.now(UTC) - timedelta(days=1))


def _with_alpn(context: ssl.SSLContext, name: str) -> ssl.SSLContext:
    context.set_alpn_protocols([name])
    return context


def _with_ciphers(context: ssl.SSLContext, names: str) -> ssl.SSLContext:
    context.set_ciphers(names)
    return context


FAILURES: dict[str, Callable[[], tuple[ssl.SSLContext, ssl.SSLContext]]] = {
    "tls-unknown-ca": lambda: (client_context(TLS_1_2), server_context(TLS_1_2, trustme.CA().issue_cert(NAME))),
    "tls-certificate-expired": lambda: (client_context(TLS_1_2), server_context(TLS_1_2, _expired())),
    "tls-protocol-version": lambda: (client_context(TLS_1_2), server_context(TLS_1_3)),
    "tls-handshake-failure": lambda: (
        _with_ciphers(client_context(TLS_1_2), "ECDHE-ECDSA-AES128-GCM-SHA256"),
        _with_ciphers(server_context(TLS_1_2), "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ),
}


@pytest.mark.parametrize("code", FAILURES)
def test_a_failed_handshake_is_explained(code: str, talk: Callable[..., TlsTalk]) -> None:
    told = talk(port=993).secure(*FAILURES[code]())
    assert told.refused
    analysis = look(told.close())
    assert [finding.code for finding in analysis.findings] == [code]
    name = code.removeprefix("tls-").replace("-", "_")
    meaning = next(words for known, words in ALERTS.values() if known == name)
    assert meaning in analysis.findings[0].text
    assert name in analysis.findings[0].text
    assert analysis.findings[0].reference == "RFC 8446 §6.2"


def test_a_certificate_in_clear_tells_what_the_client_found_wrong(talk: Callable[..., TlsTalk]) -> None:
    """OpenSSL's alert for another name is bad_certificate, which says less."""
    wrong = server_context(TLS_1_2, authority().issue_cert("other.example"))
    analysis = look(talk(port=993).secure(client_context(TLS_1_2), wrong).close())
    [finding] = analysis.findings
    assert finding.code == "tls-certificate-wrong-name"
    assert f"it is for other.example, not for {NAME} (bad_certificate)" in finding.text


def test_an_encrypted_alert_is_recognised_by_its_length(handshakes: dict[str, list[tuple[int, bytes]]]) -> None:
    (_, client), (_, server) = handshakes["TLS 1.3"][:2]
    seen = session(*chunks((0, client), (1, server), (0, b"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x13" + bytes(19))))
    assert seen is not None
    assert [(alert.side, alert.code) for alert in seen.alerts] == [(0, None)]


def test_an_encrypted_alert_is_a_finding(talk: Callable[..., TlsTalk], tmp_path: Path) -> None:
    (_, client), (_, server) = wire(client_context(TLS_1_3), server_context(TLS_1_3), tmp_path / "other")[:2]
    secret = b"\x17\x03\x03\x00\x13" + bytes(19)
    analysis = look(talk(port=993).send(0, client).send(1, server).send(0, secret).close())
    assert [finding.code for finding in analysis.findings] == ["tls-encrypted-alert"]
    assert "--keylog" in analysis.findings[0].text


OLD = {"TLS 1.0": {"tls-version-old"}, "TLS 1.1": {"tls-version-old"}, "TLS 1.2": set(), "TLS 1.3": set()}


@pytest.mark.parametrize("version", OLD)
def test_old_versions_are_told(version: str, talk: Callable[..., TlsTalk]) -> None:
    context = EVERY_VERSION[version]
    analysis = look(talk(port=993).secure(client_context(context), server_context(context)).goodbye(0).close())
    assert {finding.code for finding in analysis.findings} == OLD[version]
    assert all(version in finding.text for finding in analysis.findings)


def test_tls_at_a_server_that_speaks_plain_text(talk: Callable[..., TlsTalk], tmp_path: Path) -> None:
    hello = wire(client_context(TLS_1_3), server_context(TLS_1_3), tmp_path / "other")[0][1]
    analysis = look(talk(port=587).say("S 220 mx").send(0, hello).close())
    assert "tls-to-plain-port" in {finding.code for finding in analysis.findings}


HELLO = ("S 220 mx", "C EHLO a", "S 250-mx", "S 250 STARTTLS", "C STARTTLS")
PLAIN = {
    "mail after a refusal": ((*HELLO, "S 454 4.7.0 later", "C MAIL FROM:<a@x>", "S 250 ok"), 25, True),
    "a login after a refusal": ((*HELLO, "S 454 4.7.0 later", "C AUTH PLAIN eA==", "S 235 ok"), 587, True),
    "a goodbye after a refusal": ((*HELLO, "S 454 4.7.0 later"), 25, False),
    "POP3": (("S +OK", "C STLS", "S -ERR no", "C USER a", "S +OK", "C PASS b", "S +OK"), 110, True),
    "IMAP": (("S * OK hi", "C a STARTTLS", "S a BAD no", "C b LOGIN u p", "S b OK"), 143, True),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_text_after_a_refused_starttls(name: str, talk: Callable[..., TlsTalk]) -> None:
    lines, port, told = PLAIN[name]
    analysis = look(talk(port=port).say(*lines).close())
    assert ("plain-after-starttls" in {finding.code for finding in analysis.findings}) == told


def test_one_that_nobody_can_read_and_that_ends_badly_is_told_once(talk: Callable[..., TlsTalk]) -> None:
    lines = ("S 220 mx", "C EHLO a", "S 250 STARTTLS", "C STARTTLS", "S 220 go")
    said = talk().say(*lines).secure(client_context(TLS_1_3), server_context(TLS_1_3)).say("C EHLO a", "S 250 mx")
    (told,) = [finding for finding in look(said.segment(1, "R")).findings if finding.code == "encrypted"]
    assert "encrypted from frame 9 on; to see why it did not end in order, give a key log (--keylog)" in told.text


def test_a_session_that_ends_well_has_no_finding(talk: Callable[..., TlsTalk]) -> None:
    lines = ("S 220 mx", "C EHLO a", "S 250 STARTTLS", "C STARTTLS", "S 220 go")
    said = talk().say(*lines).secure(client_context(TLS_1_3), server_context(TLS_1_3)).say("C EHLO a", "S 250 mx")
    analysis = look(said.goodbye(0).close())
    assert not analysis.findings
    tls = analysis.connections[0].tls
    assert tls is not None
    assert (tls.implicit, tls.summary) == (False, f"TLS 1.3 for {NAME}")
