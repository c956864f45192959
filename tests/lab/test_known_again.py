"""`delivered` where a program has taken the Message-ID of a message away: it is known by its body."""

from __future__ import annotations

from hashlib import sha256

from msgspec.structs import replace

from testbed.expect.mail import judge_delivered
from testbed.protocols import events
from testbed.scenario.expectations import Delivered
from testbed.trace.model.log import LogEntry
from tests.trace.talk import Talk, watch

BOB = "bob@x.example"
SAID = ("S 220 x", "C EHLO a", "S 250 x", "C MAIL FROM:<a@a>", "S 250 ok", f"C RCPT TO:<{BOB}>", "S 250 ok")
MESSAGE = ("C DATA", "S 354 go", "C Message-ID: <1@a>\r\n\r\nhi\r\n.", "S 250 ok", "C QUIT", "S 221 bye")


def why_delivered(text: bytes) -> str:
    analysis = watch(Talk().open().say(*SAID, *MESSAGE).close())
    stored = events.Stored(recipient=BOB, message_id="", sender="a@a", subject="", text_sha256=sha256(text).hexdigest())
    told = (events.Started(command="p"), stored)
    log = tuple(LogEntry(90 + n, analysis.start_ns, "10.0.0.2", event, "") for n, event in enumerate(told))
    return judge_delivered(Delivered.model_validate({"to": BOB}), replace(analysis, log=log)).why


def test_it_is_the_message_that_was_sent() -> None:
    assert why_delivered(b"hi").startswith("<1@a> arrived after ")


def test_another_body_is_another_message() -> None:
    assert why_delivered(b"ho") == "0 copies of <1@a> arrived, expected 1; a message without Message-ID arrived"
