"""DMARC's aggregate reports, sent: when, to whom, and what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.authentication import report_message
from testbed.authentication.aggregate_report import Report
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.mail_objects import mail_objects
from testbed.trace.model.log import of
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SCENARIO = """
title: A report
hosts:
  alice.crepes.fr: {address: alice@crepes.fr, server: crepes.fr}
  crepes.fr: {mailboxes: [alice, postmaster]}
  reports.example: {role: receiver, mailboxes: [them]}
  someschool.edu: {ROLE, reports: postmaster, mailboxes: [bob, postmaster]}
  ns.lab:
    records:
      crepes.fr: |
        @      TXT "v=spf1 mx -all"
        _dmarc TXT "v=DMARC1; p=reject; rua=mailto:RUA"
      reports.example: |
        AGREED TXT "v=DMARC1"
faults: FAULTS
steps:
  - send: {to: bob@someschool.edu}
  - wait: PAUSE
  - send: {to: bob@someschool.edu}
  - END
expect:
  - authenticated: {to: bob@someschool.edu, dmarc: pass, count: 2}
"""
CHECKS = "role: receiver, checks: [dmarc]"
HERE, THERE = "postmaster@crepes.fr", "them@reports.example"


def sent(
    folder: Path,
    role: str = CHECKS,
    rua: str = HERE,
    agreed: str = "crepes.fr._report._dmarc",
    faults: str = "[]",
    pause: str = "1h",
    end: str = "wait: 2d",
) -> tuple[list[Report], list[events.DmarcReported]]:
    """The reports that arrive, and what the receiver says of them; the scenario has to hold."""
    text = SCENARIO.replace("ROLE", role).replace("RUA", rua).replace("AGREED", agreed).replace("PAUSE", pause)
    outcome: Outcome = play(text.replace("FAULTS", faults).replace("END", end), folder)
    assert outcome.result is Result.HELD, why(outcome)
    analysis = outcome.analysis
    assert analysis is not None
    carried = [mail.octets for mail in mail_objects(analysis) if b"application/gzip" in mail.octets]
    return list(map(report_message.read, carried)), [one.event for one in of(analysis.log, events.DmarcReported)]


@pytest.mark.parametrize("role", [CHECKS, "role: relay, checks: [spf, dmarc]", "role: receiver, persona: gmail"])
def test_one_day_is_one_report(role: str, tmp_path: Path) -> None:
    """Of relays, receivers and personas; the second day had no mail."""
    [report], [said] = sent(tmp_path, role)
    [(row, count)] = report.rows
    assert (row.disposition, row.dkim, row.spf, row.spf_result, count) == ("pass", "fail", "pass", "pass", 2)
    assert (report.published.domain, report.contact) == ("crepes.fr", "postmaster@someschool.edu")
    assert report.end - report.begin == 86_399
    assert (said.recipients, said.messages, said.withheld) == ((HERE,), 2, ())


def test_each_day_has_its_own(tmp_path: Path) -> None:
    """One report of the first day, one of the second."""
    (first, second), _ = sent(tmp_path, pause="25h")
    assert (first.messages, second.messages) == (1, 1)
    assert second.begin - first.begin == 86_400
    assert first.identifier != second.identifier


@pytest.mark.parametrize("end", ["wait: 1h", "wait: 1m\nsettle: 30d"])
def test_a_lab_that_ends_before_the_day_sends_nothing(end: str, tmp_path: Path) -> None:
    """Who waits until mail has settled does not wait for the report."""
    assert sent(tmp_path, end=end) == ([], [])


def test_another_organization_is_asked_first(tmp_path: Path) -> None:
    """It has agreed."""
    [report], [said] = sent(tmp_path, rua=THERE)
    assert (report.messages, said.recipients) == (2, (THERE,))


def test_who_has_not_agreed_gets_nothing(tmp_path: Path) -> None:
    """The receiver says to whom it sent none."""
    reports, [said] = sent(tmp_path, rua=THERE, agreed="other.example._report._dmarc")
    assert (reports, said.recipients, said.withheld, said.message_id) == ([], (), (THERE,), "")


def test_a_report_is_tried_again_as_any_mail(tmp_path: Path) -> None:
    """Its queue has it."""
    faults = "[{at: crepes.fr, on: RCPT, reply: 450 4.2.1 Busy, recipient: postmaster@crepes.fr, times: 1}]"
    reports, [said] = sent(tmp_path, faults=faults)
    assert [report.messages for report in reports] == [2]
    assert said.recipients == (HERE,)


def test_a_crash_loses_what_was_counted(tmp_path: Path) -> None:
    """What came before it is in no report."""
    [report], _ = sent(tmp_path, faults="[{host: someschool.edu, is: crashed, from: 10m, until: 70m}]")
    assert report.messages == 1
