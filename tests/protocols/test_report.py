"""Reading notifications, ours and others'."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("without", "problem"),
    [
        (b"multipart/report", "no multipart/report"),
        (b"message/delivery-status", "no multipart/report"),
        (b"report-type=delivery-status", "report-type"),
        (b"Reporting-MTA", "Reporting-MTA is missing"),
        (b"Final-Recipient", "Final-Recipient is missing"),
        (b"Action", "Action is missing"),
        (b"Status:", "Status is missing"),
        (b"Failed", "no action"),
    ],
)
def test_what_is_missing(without: bytes, problem: str) -> None:
    other = b"text/plain" if b"/" in without else b"X-" + without
    assert problem in " ".join(read_report(REPORT.replace(without, other)).problems)


@given(st.binary(max_size=300), st.integers(0, len(REPORT)))
def test_no_octets_make_it_fail(octets: bytes, at: int) -> None:
    read_report(octets)
    read_report(REPORT[:at] + octets + REPORT[at:])
