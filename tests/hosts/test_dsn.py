"""The form of a bounce (RFC 3464), read back with the standard library."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from testbed.hosts.dsn import Failure, bounce

ORIGINAL = b"From: alice@crepes.fr\r\nTo: bob@someschool.edu\r\nSubject: Lunch?\r\n\r\nsecret body\r\n"


@pytest.fixture
def dsn() -> EmailMessage:
    content = bounce(
        reporting="crepes.fr",
        sender="alice@crepes.fr",
        failures=[
            Failure("bob@someschool.edu", "5.1.1", "User unknown", "550 5.1.1 User unknown", "someschool.edu"),
            Failure("carol@nowhere.example", "5.1.2", "the domain nowhere.example does not exist"),
        ],
        original=ORIGINAL,
        message_id="<dsn-1@crepes.fr>",
        date="Mon, 05 Jan 2026 09:00:00 +0000",
    )
    assert b"\n" not in content.replace(b"\r\n", b"")
    message = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(message, EmailMessage)
    return message


def test_it_is_a_multipart_report_with_three_parts(dsn: EmailMessage) -> None:
    assert dsn.get_content_type() == "multipart/report"
    assert dsn.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in dsn.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]


def test_its_status_has_a_block_per_recipient(dsn: EmailMessage) -> None:
    _, status, _ = dsn.iter_parts()
    per_message, bob, carol = status.iter_parts()
    assert per_message["Reporting-MTA"] == "dns; crepes.fr"
    assert dict(bob.items()) == {
        "Final-Recipient": "rfc822; bob@someschool.edu",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; someschool.edu",
        "Diagnostic-Code": "smtp; 550 5.1.1 User unknown",
    }
    assert carol["Status"] == "5.1.2"
    assert "Diagnostic-Code" not in carol


def test_it_returns_the_header_of_the_original_and_not_the_body(dsn: EmailMessage) -> None:
    *_, returned = dsn.iter_parts()
    assert "Subject: Lunch?" in returned.get_content()
    assert "secret body" not in dsn.as_string()


def test_it_answers_to_nobody(dsn: EmailMessage) -> None:
    assert dsn["Auto-Submitted"] == "auto-replied"
    assert dsn["To"] == "alice@crepes.fr"
