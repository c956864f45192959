"""The form of a notification (RFC 3464), read back with the standard library."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from testbed.hosts.queue.dsn import Action, Original, Report, notification, typed_address

ORIGINAL = b"From: alice@crepes.fr\r\nTo: bob@someschool.edu\r\nSubject: Lunch?\r\n\r\nsecret body\r\n"
NOW = "Mon, 05 Jan 2026 09:00:00 +0000"
LATER = "Sat, 10 Jan 2026 08:00:00 +0000"


def made(action: Action, *reports: Report, whole: bool = False) -> EmailMessage:
    original = Original("alice@crepes.fr", ORIGINAL, "Mon, 05 Jan 2026 08:00:00 +0000", "lunch-1", whole)
    content = notification(
        action,
        reporting="crepes.fr",
        original=original,
        reports=list(reports),
        message_id="<dsn-1@crepes.fr>",
        date=NOW,
    )
    assert b"\n" not in content.replace(b"\r\n", b"")
    message = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(message, EmailMessage)
    return message


def blocks(dsn: EmailMessage) -> list[dict[str, str]]:
    """The fields of each block of the status part."""
    _, status, _ = dsn.iter_parts()
    return [dict(block.items()) for block in status.iter_parts()]


@pytest.fixture
def dsn() -> EmailMessage:
    return made(
        "failed",
        Report("bob@someschool.edu", "5.1.1", "User unknown", "550 5.1.1 User unknown", "someschool.edu"),
        Report("carol@nowhere.example", "5.1.2", "the domain nowhere.example does not exist"),
    )


def test_it_is_a_multipart_report_with_three_parts(dsn: EmailMessage) -> None:
    assert dsn.get_content_type() == "multipart/report"
    assert dsn.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in dsn.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]


def test_its_status_has_a_block_per_recipient(dsn: EmailMessage) -> None:
    per_message, bob, carol = blocks(dsn)
    assert per_message == {
        "Original-Envelope-Id": "lunch-1",
        "Reporting-MTA": "dns; crepes.fr",
        "Arrival-Date": "Mon, 05 Jan 2026 08:00:00 +0000",
    }
    assert bob == {
        "Final-Recipient": "rfc822; bob@someschool.edu",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; someschool.edu",
        "Diagnostic-Code": "smtp; 550 5.1.1 User unknown",
        "Last-Attempt-Date": NOW,
    }
    assert carol["Status"] == "5.1.2"
    assert "Diagnostic-Code" not in carol


@pytest.mark.parametrize(
    ("action", "report", "fields"),
    [
        (
            "delayed",
            Report("bob@x.edu", "4.2.2", "Mailbox full", retry_until=LATER),
            {"Action": "delayed", "Last-Attempt-Date": NOW, "Will-Retry-Until": LATER},
        ),
        ("delivered", Report("bob@x.edu", "2.0.0", "it lies in the mailbox"), {"Action": "delivered"}),
        (
            "relayed",
            Report("bob@x.edu", "2.0.0", "taken", remote="mx.x.edu", orcpt="rfc822;robert@x.edu"),
            {"Original-Recipient": "rfc822; robert@x.edu", "Action": "relayed", "Remote-MTA": "dns; mx.x.edu"},
        ),
    ],
    ids=["delayed", "delivered", "relayed"],
)
def test_each_action_has_its_fields(action: Action, report: Report, fields: dict[str, str]) -> None:
    _, block = blocks(made(action, report))
    assert block == {"Final-Recipient": "rfc822; bob@x.edu", "Status": report.status, **fields}


def test_it_returns_the_header_of_the_original_and_not_the_body(dsn: EmailMessage) -> None:
    *_, returned = dsn.iter_parts()
    assert "Subject: Lunch?" in returned.get_content()
    assert "secret body" not in dsn.as_string()


def test_a_failed_message_comes_back_whole_when_asked_for_and_no_other_does() -> None:
    """RFC 3461 §4.3."""
    report = Report("bob@x.edu", "5.1.1", "User unknown")
    assert "secret body" in made("failed", report, whole=True).as_string()
    assert "secret body" not in made("delayed", report, whole=True).as_string()


def test_an_address_beyond_ascii_is_told_in_ascii() -> None:
    """RFC 6533 §3."""
    assert typed_address("jürgen@x.edu") == r"utf-8; j\x{FC}rgen@x.edu"


def test_a_header_beyond_ascii_comes_back_in_lines_that_end_at_crlf() -> None:
    """A bare LF would be mended on the way, and break the signature over the notification (RFC 6376 §5.3)."""
    original = Original("jürgen@x.edu", "To: jürgen@x.edu\r\n".encode() * 9 + b"\r\nLunch?\r\n", whole=True)
    for action in ("failed", "delayed"):
        content = notification(
            action,
            reporting="crepes.fr",
            original=original,
            reports=[Report("bob@x.edu", "5.1.1", "User unknown")],
            message_id="<dsn-1@crepes.fr>",
            date=NOW,
        )
        assert b"\n" not in content.replace(b"\r\n", b"")
        *_, returned = BytesParser(policy=policy.default).parsebytes(content).iter_parts()
        assert "Content-Transfer-Encoding: base64" in returned.as_string()


def test_it_answers_to_nobody(dsn: EmailMessage) -> None:
    assert dsn["Auto-Submitted"] == "auto-replied"
    assert dsn["To"] == "alice@crepes.fr"
