"""Reports on TLS, sent by a relay: what is counted, to whom they go, and what nobody can see."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.mail_objects import mail_objects
from testbed.trace.model.log import of
from testbed.transport_security import report_message
from testbed.transport_security.report import Report
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SCENARIO = """
title: A report on TLS
hosts:
  crepes.fr: {tls: TLS, dkim: {}, reports: postmaster, mailboxes: [alice, postmaster]}
  someschool.edu: {starttls: true, PUBLISHED, mailboxes: [bob, postmaster]}
  ns.lab: {dnssec: true, records: {someschool.edu: 'RECORD'}}
faults: FAULTS
steps:
  - send: {to: bob@someschool.edu}
  - wait: 2h
  - send: {to: bob@someschool.edu}
  - wait: 2d
expect:
  - delivered: {to: bob@someschool.edu}
"""
POLICIES = "mta_sts: [{max_age: 1w}, {from: 1h, max_age: 1w}]"
RECORD = '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:postmaster@someschool.edu"'


def sent(
    folder: Path, tls: str, published: str, record: str = RECORD, faults: str = "[]"
) -> tuple[list[Report], list[events.TlsReported]]:
    """The reports that arrive, and what the relay says of them; the scenario has to hold."""
    text = SCENARIO.replace("TLS,", f"{tls},", 1).replace("PUBLISHED", published).replace("RECORD", record)
    outcome: Outcome = play(text.replace("FAULTS", faults), folder)
    assert outcome.result is Result.HELD, why(outcome)
    analysis = outcome.analysis
    assert analysis is not None
    found = mail_objects(analysis, analysis.understanding.decrypted.flows)
    carried = [mail.octets for mail in found if b"tlsrpt+gzip" in mail.octets]
    assert all(octets.startswith(b"DKIM-Signature:") for octets in carried)  # RFC 8460 §3
    return list(map(report_message.read, carried)), [one.event for one in of(analysis.log, events.TlsReported)]


def test_one_day_is_one_report_and_its_own_session_is_in_none(tmp_path: Path) -> None:
    """The second day had a report to carry, and no mail."""
    [report], [said] = sent(tmp_path, "published", "dane: {usage: 3}")
    [results] = report.policies
    assert (results.policy.kind, results.policy.domain, results.successful) == ("tlsa", "someschool.edu", 2)
    assert report.end - report.begin == 86_399
    assert (said.domain, said.sessions, said.failed) == ("someschool.edu", 2, 0)


def test_who_publishes_no_policy_is_told_so(tmp_path: Path) -> None:
    """The sessions count all the same."""
    [report], _ = sent(tmp_path, "published", "mx: 10")
    [results] = report.policies
    assert (results.policy.kind, results.policy.strings, results.successful) == ("no-policy-found", (), 2)


def test_a_new_policy_that_cannot_be_had_is_told_with_the_old_one(tmp_path: Path) -> None:
    """The session is under the policy that is known, and goes well."""
    faults = "[{policy: someschool.edu, is: reset, from: 1h}]"
    [report], _ = sent(tmp_path, "mta-sts", POLICIES, faults=faults)
    [results] = report.policies
    assert (results.policy.kind, results.successful, results.failed) == ("sts", 2, 0)
    assert "version: STSv1" in results.policy.strings
    assert [(failure.result, times) for failure, times in results.failures] == [("sts-policy-fetch-error", 1)]


@pytest.mark.parametrize(
    ("record", "withheld"),
    [
        ('_smtp._tls TXT "v=TLSRPTv1; rua=https://gone.example/tls"', [("https://gone.example/tls",)]),
        ('_smtp._tls TXT "v=TLSRPTv1; rua=https://someschool.edu/tls"', [("https://someschool.edu/tls",)]),
        ('_smtp._tls TXT "v=TLSRPTv1; rua=ftp://someschool.edu/"', [("ftp://someschool.edu/",)]),
        ('_smtp._tls TXT "v=TLSRPTv1"', [()]),
        ("www A 192.0.2.1", []),
    ],
)
def test_who_can_be_told_nowhere_gets_no_report(record: str, withheld: list[tuple[str, ...]], tmp_path: Path) -> None:
    """Nobody is there, or nobody listens; the trace says why, where there is a record."""
    reports, said = sent(tmp_path, "published", "mx: 10", record)
    assert (reports, [one.withheld for one in said]) == ([], withheld)
    assert all(not one.recipients and not one.message_id for one in said)


POSTED = """
title: A report on TLS is posted
hosts:
  crepes.fr: {tls: mta-sts, dkim: {}, reports: postmaster, mailboxes: [alice, postmaster]}
  someschool.edu: {starttls: true, mta_sts: {mode: testing}, tls_reports: URIS, mailboxes: [bob, postmaster]}
faults: [{tls: someschool.edu, is: FLAW}]
steps:
  - send: {to: bob@someschool.edu}
  - wait: 25h
expect:
  - reported: {uri: "https://someschool.edu/reports", report: tls, policy: sts, failure: WORD, count: 1}
"""


@pytest.mark.parametrize(("flaw", "word"), [("expired", "certificate-expired"), ("stripped", "starttls-not-supported")])
def test_a_report_is_posted_and_read_from_the_packets(flaw: str, word: str, tmp_path: Path) -> None:
    """Packed with gzip (RFC 8460 §5.4); whatever the certificate of who takes it."""
    text = POSTED.replace("URIS", "https://someschool.edu/reports").replace("FLAW", flaw).replace("WORD", word)
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    [said] = (one.event for one in of(outcome.analysis.log, events.TlsReported))
    assert (said.posted, said.recipients, said.withheld) == (("https://someschool.edu/reports",), (), ())


def test_both_ways_are_gone(tmp_path: Path) -> None:
    both = POSTED.replace("URIS", '["https://someschool.edu/reports", postmaster@someschool.edu]').replace(
        "FLAW", "expired"
    )
    by_mail = "  - reported: {to: postmaster@someschool.edu, report: tls, failure: certificate-expired, count: 1}\n"
    outcome = play(both.replace("WORD", "certificate-expired") + by_mail, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


def test_a_report_that_is_not_posted_is_missed(tmp_path: Path) -> None:
    """Here it goes by mail alone."""
    text = POSTED.replace("URIS", "postmaster@someschool.edu").replace("FLAW", "expired")
    outcome = play(text.replace("WORD", "certificate-expired"), tmp_path)
    assert outcome.result is Result.FAILED
    assert "no TLS report arrived" in why(outcome)
