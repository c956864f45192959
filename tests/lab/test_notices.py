"""What `notified` and `bounced` say of notifications in every form; the messages are invented, a program sends them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.expect.mail import judge_bounced
from testbed.expect.notifications import judge_notified
from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.site import Site
from testbed.lab.mail_stores import Maildir
from testbed.lab.program_maildirs import ProgramMailboxes
from testbed.protocols import events
from testbed.protocols.events import LogEvent
from testbed.scenario.expectations import Bounced, Notified
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import LogEntry
from tests.trace.talk import Talk, watch

PROGRAM = "10.0.0.1"
NOTICE = """From: MAILER-DAEMON@x.example
To: alice@a.example
Message-ID: <d1@x.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

No such user.
--b
Content-Type: message/delivery-status

Original-Envelope-Id: lunch-1
Reporting-MTA: dns; 10.0.0.1

Final-Recipient: rfc822; bob@x.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
--b
Content-Type: text/rfc822-headers

Message-ID: <m1@a.example>
--b--
"""
PLAIN = """From: MAILER-DAEMON@x.example
To: alice@a.example
Message-ID: <d1@x.example>

Your message to bob@x.example could not be delivered.
"""


def trace(notice: str, sender: str = "", to: str = "alice@a.example") -> Analysis:
    """A program hands over a notification, which is stored."""
    said = ("S 220 a", "C EHLO x", "S 250 a", f"C MAIL FROM:<{sender}>", "S 250 ok", f"C RCPT TO:<{to}>", "S 250 ok")
    message = notice.replace("\n", "\r\n") + "."
    talk = Talk().open().say(*said, "C DATA", "S 354 go", f"C {message}", "S 250 ok", "C QUIT", "S 221 bye").close()
    stored = events.Stored(recipient=to, message_id="<d1@x.example>", sender=sender, subject="")
    return logged(watch(talk), events.Started(command="p"), stored)


def logged(analysis: Analysis, *told: LogEvent) -> Analysis:
    entries = (LogEntry(100 + number, analysis.start_ns, PROGRAM, event, "") for number, event in enumerate(told))
    return replace(analysis, log=(*analysis.log, *entries))


def judged(analysis: Analysis, **keys: object) -> list[tuple[bool, str]]:
    """How `notified` and `bounced` are judged, and why."""
    about = {"to": "alice@a.example", "for": "bob@x.example", "status": "5.1.1"} | keys
    notified = judge_notified(Notified.model_validate({**about, "action": "failed"}), analysis)
    about.pop("envelope_id", None)
    bounced = judge_bounced(Bounced.model_validate(about), analysis)
    assert all(verdict.frames for verdict in (notified, bounced))
    return [(verdict.held, verdict.why) for verdict in (notified, bounced)]


def changed(*pairs: tuple[str, str]) -> str:
    notice = NOTICE
    for old, new in pairs:
        assert old in notice
        notice = notice.replace(old, new)
    return notice


def test_a_notification_in_form_holds() -> None:
    told = judged(trace(NOTICE), envelope_id="lunch-1")
    assert told == [(True, "1 such notification arrived"), (True, "<d1@x.example> arrived")]


FORMS: dict[str, tuple[str, dict[str, str], str, bool]] = {
    "mixed": (changed(("report; report-type=delivery-status", "mixed")), {}, "Content-Type is multipart/mixed", True),
    "plain text": (PLAIN, {}, "Content-Type is text/plain, but should be multipart/report", False),
    "no Final-Recipient": (
        changed(("Final-Recipient: rfc822; bob@x.example\n", "")),
        {},
        "Final-Recipient is missing; it is required (RFC 3464 §2.3.2)",
        False,
    ),
    "another recipient": (
        changed(("; bob", "; carol")),
        {},
        "Final-Recipient is carol@x.example, but bob@x.example is expected (RFC 3464 §2.3.2)",
        False,
    ),
    "no Action": (changed(("Action: failed\n", "")), {}, "Action is missing; it is required", False),
    "no Status": (changed(("Status: 5.1.1\n", "")), {}, "Status is missing; it is required", False),
    "another Status": (changed(("5.1.1", "5.2.2")), {}, "Status is 5.2.2, but 5.1.1 is expected", False),
    "Status against Diagnostic-Code": (changed(("Status: 5.1.1", "Status: 4.2.2")), {}, "Status is 4.2.2, but", False),
    "no type": (changed(("rfc822; bob", "bob")), {}, "but should be 'rfc822; bob@x.example', with the type", True),
    "no Reporting-MTA": (changed(("Reporting-MTA: dns; 10.0.0.1\n", "")), {}, "Reporting-MTA is missing", True),
    "not from the null path": (
        NOTICE,
        {"sender": "m@x.example"},
        "was sent from m@x.example, not from the",
        False,
    ),
    "sent to somebody else": (NOTICE, {"to": "eve@a.example"}, "sent to eve@a.example, but should go to alice", False),
    "To names somebody else": (changed(("To: alice", "To: eve")), {}, "To is eve@a.example, but should be alice", True),
}


@pytest.mark.parametrize(("notice", "envelope", "why", "bounces"), FORMS.values(), ids=FORMS)
def test_the_field_that_is_wrong_is_named(notice: str, envelope: dict[str, str], why: str, bounces: bool) -> None:
    notified, bounced = judged(trace(notice, **envelope))
    assert not notified[0]
    assert why in notified[1]
    assert bounced[0] == bounces
    assert why in bounced[1]


def test_another_envelope_id_is_named() -> None:
    (held, why), _ = judged(trace(NOTICE), envelope_id="lunch-2")
    assert (held, why) == (False, "<d1@x.example>: Original-Envelope-Id is 'lunch-1', not 'lunch-2'")


def test_it_is_told_that_nothing_of_the_original_comes_back() -> None:
    short = NOTICE[: NOTICE.index("--b\nContent-Type: text/rfc822")] + "--b--\n"
    for held, why in judged(trace(short)):
        assert held
        assert "it returns nothing of the original" in why


@pytest.mark.parametrize(("status", "held"), [("5.*", True), ("5.1.*", True), ("5.2.*", False), ("4.*", False)])
def test_a_class_of_status_can_be_expected(status: str, held: bool) -> None:
    assert [found for found, _ in judged(trace(NOTICE), status=status)] == [held, held]


class Log(list[LogEvent]):
    def __call__(self, event: LogEvent, message: str) -> None:
        self.append(event)


def told_in_a_maildir(notice: str, tmp_path: Path) -> Iterable[LogEvent]:
    """What the lab logs of a notification in a Maildir of the program that has written it."""
    box = tmp_path / "boxes" / "alice" / "new"
    box.mkdir(parents=True)
    (box / "1").write_text(f"Return-Path: <>\n{notice}")
    log = Log()
    site = Site(PROGRAM, (PROGRAM,), tmp_path, PROGRAM, log, lambda: 0.0, DialogueScript(()))
    ProgramMailboxes(site, {"alice@a.example": Maildir(tmp_path / "boxes" / "alice")}, set()).log_new()
    return log


@pytest.mark.parametrize(
    ("notice", "why", "bounces"),
    [
        (FORMS["mixed"][0], "Content-Type is multipart/mixed, but should be multipart/report", True),
        (FORMS["no type"][0], "Final-Recipient is 'bob@x.example', but should be 'rfc822; bob@x.example'", True),
        (FORMS["no Final-Recipient"][0], "Final-Recipient is missing", False),
        (PLAIN, "Content-Type is text/plain, but should be multipart/report", False),
    ],
)
def test_the_form_is_told_where_only_a_maildir_has_it(notice: str, why: str, bounces: bool, tmp_path: Path) -> None:
    nothing = watch(Talk().open().close())
    notified, bounced = judged(logged(nothing, events.Started(command="p"), *told_in_a_maildir(notice, tmp_path)))
    assert not notified[0]
    assert why in notified[1]
    assert bounced[0] == bounces
    assert why in bounced[1]
