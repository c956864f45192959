"""Reading notifications, ours and others'."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.report import RecipientStatus, read_report

REPORT = b"""Subject: no\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=x\r
\r
--x\r
\r
words\r
--x\r
Content-Type: message/delivery-status\r
\r
Original-Envelope-Id: lunch-1\r
Reporting-MTA: dns; crepes.fr\r
\r
Original-Recipient: rfc822; robert@x.edu\r
Final-Recipient: utf-8; j\\x{FC}rgen@x.edu\r
Action: Failed\r
Status: 5.1.1 (no such user)\r
\r
--x--\r
"""


def test_what_it_says() -> None:
    report = read_report(REPORT)
    assert report.envelope_id == "lunch-1"
    assert report.fates == (RecipientStatus("jürgen@x.edu", "robert@x.edu", "failed", "5.1.1"),)
    assert report.problems == ()


BLOCKS = (
    "Reporting-MTA: dns; crepes.fr\r\n\r\nFinal-Recipient: utf-8; jürgen@x.edu\r\nAction: failed\r\nStatus: 5.6.7\r\n"
)


@pytest.mark.parametrize(
    ("encoding", "octets"),
    [
        ("", BLOCKS.encode()),
        ("Content-Transfer-Encoding: 8bit\r\n", BLOCKS.encode()),
        ("Content-Transfer-Encoding: base64\r\n", base64.encodebytes(BLOCKS.encode())),
        ("Content-Transfer-Encoding: quoted-printable\r\n", quopri.encodestring(BLOCKS.encode())),
    ],
)
def test_the_form_that_holds_utf_8(encoding: str, octets: bytes) -> None:
    """RFC 6533 §3, §4: message/global-delivery-status, and what comes back as message/global."""
    head, _, _ = REPORT.partition(b"Content-Type: message/delivery-status")
    status = f"Content-Type: message/global-delivery-status\r\n{encoding}\r\n".encode() + octets
    original = (
        "\r\n--x\r\nContent-Type: message/global\r\n\r\nMessage-ID: <1@crepes.fr>\r\n\r\nHé\r\n--x--\r\n".encode()
    )
    report = read_report(head + status + original)
    assert report.fates == (RecipientStatus("jürgen@x.edu", "", "failed", "5.6.7"),)
    assert (report.problems, report.original_id, report.reporting) == ((), "<1@crepes.fr>", "crepes.fr")


NONE = b""
TYPE = "multipart/report; report-type=delivery-status"
DATE = "should be a date such as 'Mon, 15 Feb 2021 15:45:20 +0100', with the zone in digits"
TYPED = "a type and a semicolon before it, such as"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            b"multipart/report; report-type=delivery-status",
            b"multipart/mixed",
            f"Content-Type is multipart/mixed, but should be {TYPE} (RFC 3464 §2)",
        ),
        (
            b"multipart/report; report-type=delivery-status; boundary=x",
            b"text/plain",
            f"Content-Type is text/plain, but should be {TYPE} (RFC 3464 §2)",
        ),
        (
            b"=delivery-status;",
            b"=disposition-notification;",
            "report-type is 'disposition-notification', but should be delivery-status (RFC 3464 §2 (a))",
        ),
        (
            b" report-type=delivery-status;",
            NONE,
            f"Content-Type has no report-type, but should be {TYPE} (RFC 3464 §2 (a))",
        ),
        (
            b"message/delivery-status",
            b"text/x-status",
            "no part is message/delivery-status, which should be the second (RFC 3464 §2 (c))",
        ),
        (
            b"--x\r\n\r\nwords\r\n",
            NONE,
            "message/delivery-status is part 1, but should be part 2, behind words for people (RFC 3464 §2 (b))",
        ),
        (b"Reporting-MTA: dns; crepes.fr\r\n", NONE, "Reporting-MTA is missing; it is required (RFC 3464 §2.2.2)"),
        (
            b"dns; crepes",
            b"crepes",
            f"Reporting-MTA is 'crepes.fr', but should be {TYPED} 'dns; …' (RFC 3464 §2.2.2)",
        ),
        (
            b"Final-Recipient: utf-8; j\\x{FC}rgen@x.edu\r\n",
            NONE,
            "Final-Recipient is missing; it is required (RFC 3464 §2.3.2)",
        ),
        (
            b"utf-8; j",
            b"j",
            "Final-Recipient is 'j\\x{FC}rgen@x.edu', but should be 'rfc822; j\\x{FC}rgen@x.edu', "
            "with the type of the address (RFC 3464 §2.3.2)",
        ),
        (
            b"rfc822; robert",
            b"smtp; robert",
            "Original-Recipient is 'smtp; robert@x.edu', but should be 'rfc822; robert@x.edu': that is the type "
            "of Internet addresses (RFC 3464 §2.3.1)",
        ),
        (b"Action: Failed\r\n", NONE, "Action is missing; it is required (RFC 3464 §2.3.3)"),
        (
            b"Failed",
            b"bounced",
            "Action is 'bounced', but should be one of failed, delayed, delivered, relayed, expanded (RFC 3464 §2.3.3)",
        ),
        (b"Status: 5.1.1 (no such user)\r\n", NONE, "Status is missing; it is required (RFC 3464 §2.3.4)"),
        (
            b"5.1.1 (no such user)",
            b"5.1",
            "Status is '5.1', but should be three numbers, such as 5.1.1 (RFC 3464 §2.3.4)",
        ),
        (
            b"5.1.1",
            b"5.1.01",
            "Status is '5.1.01 (no such user)', but should be three numbers, such as 5.1.1 (RFC 3464 §2.3.4)",
        ),
        (
            b"5.1.1",
            b"2.1.5",
            "Status is 2.1.5, but with Action 'failed' it should be 4.x.x or 5.x.x (RFC 3464 §2.3.3, RFC 3463 §2)",
        ),
        (
            b"Action: Failed",
            b"Action: delayed",
            "Status is 5.1.1, but with Action 'delayed' it should be 4.x.x (RFC 3464 §2.3.3, RFC 3463 §2)",
        ),
        (
            b"Status: 5.1.1",
            b"Diagnostic-Code: smtp; 550 5.1.1 no\r\nStatus: 4.2.2",
            "Status is 4.2.2, but should be 5.x.x as Diagnostic-Code is 'smtp; 550 5.1.1 no' (RFC 3464 §2.3.6)",
        ),
        (
            b"Status:",
            b"Diagnostic-Code: 550 no\r\nStatus:",
            f"Diagnostic-Code is '550 no', but should be {TYPED} 'smtp; …' (RFC 3464 §2.3.6)",
        ),
        (
            b"Status:",
            b"Last-Attempt-Date: Mon, 15 Feb 2021 15:45:20 XXXXX (CET)\r\nStatus:",
            f"Last-Attempt-Date is 'Mon, 15 Feb 2021 15:45:20 XXXXX (CET)', but {DATE} (RFC 3464 §2.3.7)",
        ),
        (
            b"Reporting",
            b"Arrival-Date: Mon, 31 Feb 2021 15:45:20 +0100\r\nReporting",
            f"Arrival-Date is 'Mon, 31 Feb 2021 15:45:20 +0100', but {DATE} (RFC 3464 §2.2.5)",
        ),
        (
            b"Status:",
            b"Will-Retry-Until: Mon, 15 Feb 2021 15:45:20 +0100\r\nStatus:",
            "Will-Retry-Until is there, but should not be with Action 'failed' (RFC 3464 §2.3.9)",
        ),
        (b"Status:", b"Action: failed\r\nStatus:", "Action is there 2 times, but should be once (RFC 3464 §2.3.3)"),
    ],
)
def test_which_field_is_wrong(old: bytes, new: bytes, problem: str) -> None:
    assert old in REPORT
    assert read_report(REPORT.replace(old, new)).problems == (problem,)


@pytest.mark.parametrize(
    "more",
    [
        b"Diagnostic-Code: smtp; 452 4.2.2 full, and given up\r\n",
        b"Diagnostic-Code: X-Postfix; unknown user\r\n",
        b"Last-Attempt-Date: 1 Mar 2021 15:45 -0000 (in words)\r\n",
        b"Remote-MTA: dns; mx.x.edu\r\nX-Ours: anything\r\n",
    ],
)
def test_what_is_right(more: bytes) -> None:
    assert read_report(REPORT.replace(b"Status:", more + b"Status:")).problems == ()


def test_who_took_a_refusal_for_good_for_one_for_now_may_say_so() -> None:
    """As Postfix does with a greeting of 554, until it gives up."""
    told = b"Diagnostic-Code: smtp; 554 5.3.0 Not here\r\nStatus: 4.3.0"
    assert read_report(REPORT.replace(b"Status: 5.1.1", told)).problems == ()


def test_a_reply_in_the_wrong_place_is_a_matter_of_the_protocol() -> None:
    """As Postfix tells of the 354 that came where a garbled line had been a reply to RCPT."""
    told = b"Diagnostic-Code: smtp; 354 End data with <CR><LF>.<CR><LF>\r\nStatus: "
    assert read_report(REPORT.replace(b"Status: 5.1.1", told + b"5.5.0")).problems == ()
    assert read_report(REPORT.replace(b"Status: 5.1.1", told + b"5.1.1")).problems != ()


@given(st.binary(max_size=300), st.integers(0, len(REPORT)))
def test_no_octets_make_it_fail(octets: bytes, at: int) -> None:
    read_report(octets)
    read_report(REPORT[:at] + octets + REPORT[at:])
