"""Mail whose sender got a notification that says of no Action what it is about is not known to be lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from testbed.expect.conservation import CONSERVED, judge_conservation
from testbed.expect.conservation.passages import passages
from testbed.protocols import events
from testbed.trace.model.log import LogEntry
from tests.trace.talk import Talk, watch

RELAY = "10.0.0.2"
HELLO = ("S 220 x", "C EHLO a", "S 250 x")
TEXT = "C Message-ID: <1@a>\r\n\r\nhi\r\n."
NOTICE = (
    "C Message-ID: <2@r>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
    "--x\r\nContent-Type: text/plain\r\n\r\nSorry\r\n"
    f"--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {RELAY}\r\n\r\n"
    "Final-Recipient: rfc822; b@y\r\n{action}\r\n"
    "--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <1@a>\r\n\r\n--x--\r\n."
)


def sent(sender: str, recipient: str, text: str) -> tuple[str, ...]:
    mail = (f"C MAIL FROM:<{sender}>", "S 250 ok", f"C RCPT TO:<{recipient}>", "S 250 ok", "C DATA", "S 354 go", text)
    return (*HELLO, *mail, "S 250 ok", "C QUIT", "S 221 bye")


@pytest.mark.parametrize(
    ("action", "lost"), [(None, True), ("Action: delayed\r\n", True), ("", False), ("Action: failed\r\n", False)]
)
def test_only_a_clear_word_says_what_became_of_mail(action: str | None, lost: bool) -> None:
    talks = [
        Talk().open().say(*sent("a@a", "b@y", TEXT)).close(),
        Talk(hosts=(RELAY, "10.0.0.3"))
        .open()
        .say(*HELLO, "C MAIL FROM:<a@a>", "S 250 ok")
        .say("C RCPT TO:<b@y>", "S 550 5.2.1 no", "C QUIT", "S 221 bye")
        .close(),
    ]
    if action is not None:
        notice = Talk(hosts=(RELAY, "10.0.0.1")).open().say(*sent("", "a@a", NOTICE.format(action=action)))
        talks.append(notice.close())
    analysis = watch(*talks)
    told = (events.Started(command="p"), events.QueueListed(command="q", form="x", complete=1))
    arrived = {"message_id": "<2@r>", "recipient": "a@a"}
    lies = (events.Stored(**arrived, sender="", subject=""), events.HoldsMail(**arrived, folder="INBOX"))
    told_by = [*((RELAY, event) for event in told), *(("10.0.0.1", event) for event in lies)]
    log = tuple(LogEntry(900 + n, analysis.end_ns, host, event, "") for n, (host, event) in enumerate(told_by))
    analysis = replace(analysis, log=log)
    (conserved,) = [one for one in judge_conservation(analysis, passages(analysis)) if one.what == CONSERVED]
    assert conserved.held is not lost, conserved.why
