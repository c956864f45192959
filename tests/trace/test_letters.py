"""What messages say of themselves, however they are carried: in the model, in the JSON and in the report."""

from __future__ import annotations

import io
from hashlib import sha256

import pytest
from rich.console import Console
from talk import Talk, watch

from testbed.protocols.received import Received
from testbed.report.clock import Clock
from testbed.report.console import THEME
from testbed.report.fields import written
from testbed.report.json_fields import CONNECTION
from testbed.report.trace import trace_report
from testbed.trace.analysis import Analysis

HEADER = (
    "Received: from a (a [10.0.0.9]) by MX1.example. (Postfix) with ESMTP id 4ABC; Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    "Received: from b by c\r\n\twith SMTP id <17x>\r\nMessage-ID: <1@x>\r\nSubject: =?utf-8?q?Men=C3=BC?=\r\n"
    "From: Anna <anna@x>\r\nDate: Tue, 14 Nov 2023 22:13:19 +0000\r\n"
)
FILE = 'Content-Type: application/pdf; name="menu.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nZGF0YQ==\r\n'
LETTER = HEADER + f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n{FILE}--b--"
OCTETS = len(LETTER) + 2

CARRIED = {
    "DATA": Talk().open().say("S 220 mx", "C HELO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 ok")
    .say("C RCPT TO:<b@y>", "S 250 ok", "C DATA", "S 354 go", f"C {LETTER}\r\n.", "S 250 ok"),
    "BDAT": Talk().open().say("S 220 mx", "C EHLO a", "S 250-mx\r\n250 CHUNKING", "C MAIL FROM:<a@x>", "S 250 ok")
    .say("C RCPT TO:<b@y>", "S 250 ok", f"C BDAT {OCTETS} LAST\r\n{LETTER}", "S 250 ok"),
    "RETR": Talk(server_port=110).open().say("S +OK hi", "C RETR 1", f"S +OK it comes\r\n{LETTER}\r\n."),
    "FETCH": Talk(server_port=143).open().say("S * OK hi", "C 1 FETCH 1 BODY[]")
    .say(f"S * 1 FETCH (BODY[] {{{OCTETS}}}\r\n{LETTER}\r\n)", "S 1 OK done"),
    "APPEND": Talk(server_port=143).open().say("S * OK hi", f"C 1 APPEND INBOX {{{OCTETS}}}", "S + go")
    .say(f"C {LETTER}\r\n", "S 1 OK done"),
}  # fmt: skip


@pytest.mark.parametrize("command", CARRIED)
def test_every_message_is_among_the_messages_however_it_is_carried(command: str) -> None:
    (only,) = watch(CARRIED[command]).connections
    (message,) = only.messages
    assert message.command == command
    assert message.whole
    letter = message.letter
    assert (letter.message_id, letter.subject, letter.author) == ("<1@x>", "Menü", "Anna <anna@x>")
    assert letter.received == (Received("mx1.example", "4ABC"), Received("c", "17x"))
    assert letter.octets == OCTETS
    told = written(CONNECTION, only)["messages"]
    assert isinstance(told, list)
    assert told[0]["attachments"] == [
        {"name": "menu.pdf", "type": "application/pdf", "octets": 4, "sha256": sha256(b"data").hexdigest()}
    ]
    assert (told[0]["from"], told[0]["date"]) == ("Anna <anna@x>", "Tue, 14 Nov 2023 22:13:19 +0000")
    assert (told[0]["sender"], len(told[0]["recipients"])) == (("a@x", 1) if command in ("DATA", "BDAT") else (None, 0))
    assert '"Menü" from Anna <anna@x>, Tue, 14 Nov 2023 22:13:19 +0000, with menu.pdf (4 octets)' in report(
        watch(CARRIED[command])
    )


def report(analysis: Analysis, *, whole: bool = False) -> str:
    console = Console(file=io.StringIO(), width=160, theme=THEME, markup=False, highlight=False)
    trace_report(console, analysis, clock=Clock(utc=True), whole=whole)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_many_messages_are_told_one_by_one_and_few_of_them_in_the_report() -> None:
    talk = Talk(server_port=110).open().say("S +OK hi")
    for number in range(1, 8):
        talk.say(f"C RETR {number}", f"S +OK\r\nSubject: number {number}\r\n\r\nhi\r\n.")
    analysis = watch(talk.close())
    assert [m.letter.subject for m in analysis.connections[0].messages] == [f"number {n}" for n in range(1, 8)]
    assert "number 3" in report(analysis)
    assert "number 4" not in report(analysis)
    assert "… and 4 more; -v shows them all" in report(analysis)
    assert "number 7" in report(analysis, whole=True)


PARTS = {
    "TOP": (
        Talk(server_port=110).open().say("S +OK hi", "C TOP 1 0", "S +OK\r\nSubject: a\r\n\r\n."),
        ("a", "TOP", False),
    ),
    "a piece of it": (
        Talk(server_port=143).open().say("S * OK hi", "C 1 FETCH 1 BODY[]<0.12>")
        .say("S * 1 FETCH (BODY[]<0> {12}\r\nSubject: a\r\n)", "S 1 OK done"),
        ("a", "FETCH", False),
    ),
    "a listing that was cut off": (
        Talk(server_port=110).open().say("S +OK hi", "C RETR 1", "S +OK\r\nSubject: a\r\n\r\nhi").close(),
        ("a", "RETR", False),
    ),
    "the connection ended within": (
        Talk(server_port=143).open().say("S * OK hi", "C 1 FETCH 1 BODY[]")
        .say("S * 1 FETCH (BODY[] {500}\r\nSubject: a\r\n\r\nhi").close(),
        ("a", "FETCH", False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_told_as_parts(part: str) -> None:
    talk, wanted = PARTS[part]
    (message,) = watch(talk).connections[0].messages
    assert (message.letter.subject, message.command, message.whole) == wanted


def test_a_transaction_without_a_message_has_none() -> None:
    talk = Talk().open().say("S 220 mx", "C HELO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 451 no", "C QUIT", "S 221 bye")
    (message,) = watch(talk.close()).connections[0].messages
    assert (message.command, message.whole, message.letter.octets) == ("", False, 0)
    assert "no Subject" not in report(watch(talk))
