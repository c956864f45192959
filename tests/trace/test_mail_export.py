"""Messages as octets out of dialogues, and as files: what crossed the wire and nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from talk import Talk, watch

from testbed.errors import UsageError
from testbed.report.export_mail import export_mail, file_name
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.mail_objects import MailObject, mail_objects
from testbed.trace.services import messages
from testbed.trace.services.listening import listen
from testbed.trace.services.messages import Message
from testbed.trace.services.table import service_of
from testbed.trace.tcp.reassembly import Chunk, Gap

SMTP = ("S 220 mx\r\n", "C EHLO a\r\n", "S 250 mx\r\n", "C MAIL FROM:<a@x>\r\n", "S 250 ok\r\n")
DATA = (*SMTP, "C DATA\r\n", "S 354 go\r\n")
POP3 = ("S +OK\r\n", "C RETR 1\r\n")
IMAP = ("S * OK\r\n", "C a FETCH 1 BODY[]\r\n")


def items(said: Iterable[str | Gap]) -> list[Chunk | Gap]:
    """``C ...`` and ``S ...`` are octets of client and server, one frame each from 1."""
    return [
        item if isinstance(item, Gap) else Chunk("CS".index(item[0]), item[2:].encode("latin-1"), frame, frame)
        for frame, item in enumerate(said, 1)
    ]


def seen(service: str, said: Iterable[Chunk | Gap]) -> list[Message]:
    found: list[Message] = []
    make = service_of(service).stream
    assert make is not None
    dialogue = make(on_message=found.append)
    for item in said:
        dialogue.feed(item)
    dialogue.finish()
    return found


# What is said; per message: what carried it, its octets, whether it is whole, how much is missing, its frames.
Told = tuple[str, bytes, bool, int, tuple[int, ...]]
CASES: dict[str, tuple[str, tuple[str | Gap, ...], list[Told]]] = {
    "DATA": (
        "smtp",
        (*DATA, "C Subject: x\r\n\r\n..a\r\n", "C .b\r\n.\r\n"),
        [("DATA", b"Subject: x\r\n\r\n.a\r\nb\r\n", True, 0, (8, 9))],
    ),
    "two at once": (
        "smtp",
        (*DATA, "C 1\r\n.\r\nMAIL FROM:<a@x>\r\nDATA\r\n", "S 250 ok\r\n250 ok\r\n354 go\r\n", "C 2\r\n.\r\n"),
        [("DATA", b"1\r\n", True, 0, (8,)), ("DATA", b"2\r\n", True, 0, (10,))],
    ),
    "two at once, by LMTP": (
        "lmtp",
        (
            "S 220 mx\r\n",
            "C LHLO a\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n",
            "S 250 mx\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
            "C 1\r\n.\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n",
            "S 250 ok\r\n452 full\r\n250 ok\r\n250 ok\r\n354 go\r\n",
            "C 2\r\n.\r\n",
        ),
        [("DATA", b"1\r\n", True, 0, (4,)), ("DATA", b"2\r\n", True, 0, (6,))],
    ),
    "nothing but the dot": ("smtp", (*DATA, "C .\r\n"), [("DATA", b"", True, 0, (8,))]),
    "DATA cut off": ("smtp", (*DATA, "C one\r\ntw"), [("DATA", b"one\r\ntw", False, 0, (8,))]),
    "DATA with a hole": (
        "smtp",
        (*DATA, "C one\r\ntw", Gap(CLIENT, 100, 9, 9), "C ree\r\n.\r\n"),
        [("DATA", b"one\r\ntwree\r\n", False, 100, (8, 10))],
    ),
    "DATA with a dot behind a hole": (
        "smtp",
        (*DATA, "C one\r\n", Gap(CLIENT, 3, 9, 9), "C ..x\r\n.\r\n"),
        [("DATA", b"one\r\n..x\r\n", False, 3, (8, 10))],
    ),
    "DATA whose end is in a hole": (
        "smtp",
        (*DATA, "C one\r\n", Gap(CLIENT, 9, 9, 9), "S 250 ok\r\n", "C QUIT\r\n"),
        [("DATA", b"one\r\n", False, 9, (8,))],
    ),
    "bare line feeds stay": (
        "smtp", (*DATA, "C a\nb\r\n.\r\n"), [("DATA", b"a\nb\r\n", True, 0, (8,))],
    ),
    "a false end the server stopped at": (
        "smtp", (*DATA, "C a\n.\nQUIT\r\n", "S 250 ok\r\n221 bye\r\n"), [("DATA", b"a\n", True, 0, (8,))],
    ),
    "a false end of CRs the server stopped at": (
        "smtp", (*DATA, "C .a\r.\rQUIT\r\n", "S 250 ok\r\n221 bye\r\n"), [("DATA", b"a\r", True, 0, (8,))],
    ),
    "a false end the server read over": (
        "smtp", (*DATA, "C a\n.\nQUIT\r\n.\r\n", "S 250 ok\r\n"), [("DATA", b"a\n.\nQUIT\r\n", True, 0, (8,))],
    ),
    "a line of 64 KiB before a dot": (
        "smtp", (*DATA, f"C {'x' * 65_536}", "C .\r\n.\r\n"), [("DATA", b"x" * 65_536 + b".\r\n", True, 0, (8, 9))],
    ),
    "the server's side is missing": (
        "smtp", ("C EHLO a\r\n", "C DATA\r\n", "C one\r\n.\r\nQUIT\r\n"), [("DATA", b"one\r\n", True, 0, (3,))],
    ),
    "BDAT": (
        "smtp",
        (*SMTP, "C BDAT 4\r\na\r\n.", "S 250 ok\r\n", "C BDAT 6 LAST\r\n\r\n.\r\nb", "S 250 ok\r\n"),
        [("BDAT", b"a\r\n.\r\n.\r\nb", True, 0, (6, 8))],
    ),
    "BDAT given up": (
        "smtp", (*SMTP, "C BDAT 2\r\nab", "S 250 ok\r\n", "C RSET\r\n", "S 250 ok\r\n"),
        [("BDAT", b"ab", False, 0, (6,))],
    ),
    "BDAT with a hole": (
        "smtp", (*SMTP, "C BDAT 5 LAST\r\na", Gap(CLIENT, 4, 7, 7), "S 250 ok\r\n"),
        [("BDAT", b"a", False, 4, (6,))],
    ),
    "BDAT of nonsense": ("smtp", (*SMTP, "C BDAT 99999999999999999999\r\n", "S 501 no\r\n"), []),
    "RETR": (
        "pop3",
        (*POP3, "S +OK 9 octets\r\nSubject: x\r\n\r\n", "S ..\r\n.\r\n"),
        [("RETR", b"Subject: x\r\n\r\n.\r\n", True, 0, (3, 4))],
    ),
    "TOP": ("pop3", ("S +OK\r\n", "C TOP 1 0\r\n", "S +OK\r\na: b\r\n.\r\n"), [("TOP", b"a: b\r\n", True, 0, (3,))]),
    "RETR refused": ("pop3", (*POP3, "S -ERR no\r\n"), []),
    "a listing is no message": ("pop3", ("S +OK\r\n", "C LIST\r\n", "S +OK\r\n1 2\r\n.\r\n"), []),
    "RETR cut off": ("pop3", (*POP3, "S +OK\r\none\r\ntw"), [("RETR", b"one\r\ntw", False, 0, (3,))]),
    "RETR with a hole": (
        "pop3",
        (*POP3, "S +OK\r\none\r\ntw", Gap(SERVER, 5, 4, 4), "S .\r\n.\r\n"),
        [("RETR", b"one\r\ntw.\r\n", False, 5, (3, 5))],
    ),
    "FETCH": (
        "imap",
        (*IMAP, "S * 1 FETCH (FLAGS () BODY[] {7}\r\na: b\r\n", "S \r UID 4)\r\na OK\r\n"),
        [("FETCH", b"a: b\r\n\r", True, 0, (3, 4))],
    ),
    "FETCH of several": (
        "imap",
        (*IMAP, "S * 1 FETCH (RFC822 {1}\r\na)\r\n* 2 FETCH (RFC822 {1}\r\nb)\r\na OK\r\n"),
        [("FETCH", b"a", True, 0, (3,)), ("FETCH", b"b", True, 0, (3,))],
    ),
    "FETCH of a header is no message": ("imap", (*IMAP, "S * 1 FETCH (BODY[HEADER] {1}\r\na)\r\na OK\r\n"), []),
    "FETCH of two literals": (
        "imap",
        (*IMAP, "S * 1 FETCH (BODY[HEADER] {1}\r\na BODY[] {2}\r\nbc)\r\na OK\r\n"),
        [("FETCH", b"bc", True, 0, (3,))],
    ),
    "FETCH of a part": (
        "imap", (*IMAP, "S * 1 FETCH (BODY[]<0> {1}\r\na)\r\na OK\r\n"), [("FETCH", b"a", False, 0, (3,))],
    ),
    "FETCH cut off": ("imap", (*IMAP, "S * 1 FETCH (BODY[] {9}\r\nabc"), [("FETCH", b"abc", False, 0, (3,))]),
    "FETCH with a hole": (
        "imap",
        (*IMAP, "S * 1 FETCH (BODY[] {9}\r\nabc", Gap(SERVER, 4, 4, 4), "S de)\r\na OK\r\n"),
        [("FETCH", b"abcde", False, 4, (3, 5))],
    ),
    "APPEND": (
        "imap",
        ("S * OK\r\n", "C a APPEND INBOX (\\Seen) {3}\r\n", "S + go\r\n", "C a:b\r\n", "S a OK\r\n"),
        [("APPEND", b"a:b", True, 0, (4,))],
    ),
    "APPEND of two, the mailbox a literal": (
        "imap",
        ("S * OK\r\n", "C a APPEND {5+}\r\nINBOX {3+}\r\na:b {3+}\r\nc:d\r\n", "S a OK\r\n"),
        [("APPEND", b"a:b", True, 0, (2,)), ("APPEND", b"c:d", True, 0, (2,))],
    ),
    "APPEND refused before it was sent": (
        "imap", ("S * OK\r\n", "C a APPEND INBOX {3}\r\n", "S a NO full\r\n", "C b NOOP\r\n", "S b OK\r\n"), [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("service", "said", "expected"), CASES.values(), ids=CASES)
def test_messages_as_they_crossed_the_wire(service: str, said: tuple[str | Gap, ...], expected: list[Told]) -> None:
    found = seen(service, items(said))
    assert [(m.command, m.octets, m.complete, m.missing, m.frames) for m in found] == expected


@pytest.mark.parametrize(("service", "said", "expected"), CASES.values(), ids=CASES)
def test_keeping_messages_changes_nothing_else(service: str, said: tuple[str | Gap, ...], expected: list[Told]) -> None:
    make = service_of(service).stream
    assert make is not None
    dialogue = make(on_message=lambda message: None)
    for item in items(said):
        dialogue.feed(item)
    without = listen("tcp", service, items(said))
    assert dialogue.finish() == (without.exchanges, without.transactions)


@given(
    st.lists(st.sampled_from([b".", b"..", b"a", b"\r\n", b"\r\n.", b"\xff"]), max_size=30).map(b"".join),
    st.lists(st.integers(1, 80), max_size=6),
)
def test_what_is_stuffed_comes_out_as_it_was(text: bytes, cuts: list[int]) -> None:
    text += b"\r\n"
    stuffed = (b"." if text.startswith(b".") else b"") + text.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    edges = [0, *sorted({cut for cut in cuts if cut < len(stuffed)}), len(stuffed)]
    smtp, pop3 = items(DATA), items((*POP3, "S +OK\r\n"))
    for frame, (a, b) in enumerate(pairwise(edges), 20):
        smtp.append(Chunk(CLIENT, stuffed[a:b], frame, frame))
        pop3.append(Chunk(SERVER, stuffed[a:b], frame, frame))
    for service, said in (("smtp", smtp), ("pop3", pop3)):
        (found,) = seen(service, said)
        assert (found.octets, found.complete) == (text, True)


def test_a_message_that_is_too_much_is_partial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MOST_OCTETS", 5)
    (found,) = seen("smtp", items((*DATA, "C one\r\ntwo\r\n.\r\n")))
    assert (found.octets, found.complete, found.missing) == (b"one\r\n", False, 5)


def session(port: int = 40_000, *, whole: bool = True) -> Talk:
    talk = Talk(port).open().say("S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 ok")
    talk.say("C RCPT TO:<b@y>", "S 250 ok", "C DATA", "S 354 go", "C Message-ID: <1/../2@x>", "C ", "C hi")
    return talk.say("C .", "S 250 ok").close() if whole else talk.close()


def test_messages_of_a_capture() -> None:
    whole, partial = mail_objects(watch(session(), session(40_001, whole=False)))
    text = b"Message-ID: <1/../2@x>\r\n\r\nhi\r\n"
    assert whole == MailObject(1, 1, "smtp", "DATA", "to server", text, True, 0, (13, 16), "<1/../2@x>")
    assert (partial.connection, partial.octets, partial.complete) == (2, text, False)


def test_only_chosen_connections() -> None:
    analysis = replace(watch(session(), session(40_001)), chosen=(2,))
    assert [one.connection for one in mail_objects(analysis)] == [2]


def test_files(tmp_path: Path) -> None:
    told: list[str] = []
    objects = mail_objects(watch(session(), session(40_001, whole=False)))
    files = export_mail(objects, tmp_path / "a" / "b", told.append)
    names = ["connection1-1-frame13-1_.._2_x.eml", "connection2-1-frame33-1_.._2_x.partial.eml"]
    assert files == [tmp_path / "a" / "b" / name for name in names]
    assert files[0].read_bytes() == b"Message-ID: <1/../2@x>\r\n\r\nhi\r\n"
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert told == [f"{files[1]}: the connection or the capture ended before the message did"]


def test_attachments_are_named(tmp_path: Path) -> None:
    part = b'--x\r\nContent-Disposition: attachment; filename="a\x1b[2J/%b.pdf"\r\n\r\nabc\r\n'
    message = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"".join(part % b"%d" % n for n in range(12))
    told: list[str] = []
    [file] = export_mail([replace(one(), octets=message)], tmp_path, None, told.append)
    named = ", ".join(f"{n}.pdf (3 octets)" for n in range(10))
    assert told == [f"{file}: with {named}, 2 more"]


def one(message_id: str = "") -> MailObject:
    return MailObject(1, 1, "smtp", "DATA", "to server", b"hi", True, 0, (7,), message_id)


@given(st.text(max_size=300))
def test_no_message_id_leads_out_of_the_directory(message_id: str) -> None:
    name = file_name(one(message_id))
    assert name.startswith("connection1-1-frame7")
    assert name.endswith(".eml")
    assert len(name) < 130
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def _a_file(place: Path) -> Path:
    (place / "mail").write_text("mine")
    return place / "mail"


def _no_parent(place: Path) -> Path:
    (place / "file").write_text("mine")
    return place / "file" / "mail"


def _a_link(place: Path) -> Path:
    (place / file_name(one())).symlink_to(place / "outside")
    return place


def _an_old_file(place: Path) -> Path:
    (place / file_name(one())).write_text("mine")
    return place


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (_a_file, "cannot be made a folder for mail: file exists"),
        (_no_parent, "cannot be made a folder for mail: not a directory"),
        (_a_link, "exists already; name an empty or a new folder"),
        (_an_old_file, "exists already; name an empty or a new folder"),
    ],
)
def test_nothing_is_overwritten_and_no_link_followed(
    prepare: Callable[[Path], Path], sentence: str, tmp_path: Path
) -> None:
    directory = prepare(tmp_path)
    before = {path: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(UsageError, match=sentence):
        export_mail([one()], directory)
    assert {path: path.read_text() for path in tmp_path.iterdir() if path.is_file()} == before
    assert not (tmp_path / "outside").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be written: permission denied"):
        export_mail([one()], tmp_path)
