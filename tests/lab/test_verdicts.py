"""Red when it should be red: what a verdict needs in order to be green."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.expect import came_true, judge
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.scenario.load import parse
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import AnyEntry
from tests.lab.test_scenarios import play

pytestmark = pytest.mark.lab

DELIVERED = """
title: Mail is delivered
steps:
  - send: {to: bob@someschool.edu, subject: Lunch}
expect:
  - delivered: {to: bob@someschool.edu}
"""


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return play(DELIVERED, tmp_path_factory.mktemp("delivered"))


@pytest.mark.parametrize(
    ("expectation", "why"),
    [
        ("delivered: {to: bob@someschool.edu, copies: 2}", "1 copy of"),
        ("delivered: {to: bob@someschool.edu, copies: 0}", "1 copy of"),
        ("delivered: {to: bob@someschool.edu, within: 1ms}", "too late"),
        ("delivered: {to: bob@someschool.edu, subject: Dinner}", "nobody sent such mail to bob"),
        ("delivered: {to: alice@crepes.fr}", "nobody sent mail to alice@crepes.fr"),
        ("delivered: {to: alice@crepes.fr, copies: 0}", "nobody sent mail to alice@crepes.fr"),
        ("queued: {at: crepes.fr}", "holds mail for 0 recipients"),
        ("queued: {at: crepes.fr, to: carol@someschool.edu, count: 0}", "nothing in this run could contradict it"),
        ("bounced: {to: alice@crepes.fr}", "no notification was sent"),
        ("attempts: {to: someschool.edu, count: 2}", "1 connection was attempted"),
        ("attempts: {to: someschool.edu, at_least: 2}", "1 connection was attempted"),
        ("attempts: {to: someschool.edu, at_most: 0}", "1 connection was attempted"),
        ("transactions: {to: someschool.edu, count: 2}", "1 transaction was begun, over 1 connection"),
        ("transactions: {to: someschool.edu, at_least: 2}", "1 transaction was begun"),
        ("transactions: {to: someschool.edu, at_most: 0}", "1 transaction was begun"),
        ("transactions: {to: someschool.edu, from: alice.crepes.fr, at_least: 1}", "0 transactions were begun"),
        ("reply: {from: someschool.edu, on: RCPT, code: 550}", "someschool.edu sent 250 2.1.5 instead"),
        ("reply: {from: someschool.edu, on: RCPT, code: 250 2.1.5, count: 2}", "sent once"),
        ("reply: {from: someschool.edu, on: RCPT, code: 2.. 2.1.*, count: 2}", "sent once"),
        ("reply: {from: someschool.edu, on: RCPT, code: 2.., count: 0}", "sent once"),
        ("reply: {from: someschool.edu, on: RCPT, code: 2.. 2.2.*}", "someschool.edu sent 250 2.1.5 instead"),
        ("reply: {from: someschool.edu, on: VRFY, code: 252}", "was never asked VRFY"),
        ("reply: {from: someschool.edu, on: VRFY, code: 252, count: 0}", "nothing in this run could contradict it"),
        ("connection: {from: crepes.fr, to: someschool.edu, handshake: refused}", "the handshake was complete"),
        (
            "connection: {from: crepes.fr, to: someschool.edu, closure: reset by server}",
            "the closure was 'closed by server'",
        ),
        (
            "connection: {from: crepes.fr, to: someschool.edu, nth: 2, closure: normal}",
            "only 1 connection was",
        ),
        ("connection: {from: crepes.fr, to: someschool.edu, pipelined: true}", "0 commands were sent before the reply"),
        (
            "connection: {from: crepes.fr, to: someschool.edu, said: [EHLO, QUIT]}",
            "the client said EHLO, MAIL, RCPT, DATA, message, QUIT",
        ),
        ("delivered: {to: bob@someschool.edu, text: Goodbye}", "'Goodbye' is not in the text of"),
        ("notified: {to: alice@crepes.fr, action: delivered}", "0 such notifications arrived"),
        ("notified: {to: alice@crepes.fr, action: failed, count: 0}", "nothing in this run could contradict it"),
    ],
    ids=lambda value: value if ":" in value else "",
)
def test_an_expectation_that_does_not_hold_fails_and_says_why(delivered: Outcome, expectation: str, why: str) -> None:
    scenario = parse(DELIVERED.partition("expect:")[0] + f"expect:\n  - {expectation}\n")
    assert delivered.analysis is not None
    [verdict] = judge(scenario, delivered.analysis).expectations
    assert not verdict.held
    assert why in verdict.why
    assert verdict.line == 6
    assert not came_true(scenario, delivered.analysis)


@pytest.mark.parametrize(("waited_s", "judged"), [(0.0005, True), (30.0, False)])
def test_nobody_is_late_whom_the_machine_kept_waiting(delivered: Outcome, waited_s: float, judged: bool) -> None:
    assert delivered.analysis is not None
    last = delivered.analysis.log[-1]
    log = (*delivered.analysis.log, replace(last, event=events.Starved(seconds=waited_s)))
    expectation = "  - delivered: {to: bob@someschool.edu, within: 1ms}\n"
    scenario = parse(DELIVERED.partition("expect:")[0] + f"expect:\n{expectation}")
    [verdict] = judge(scenario, replace(delivered.analysis, log=log)).expectations
    assert (verdict.judged, verdict.held) == (judged, not judged)
    assert "too late" in verdict.why


def test_a_wait_may_end_when_all_has_come_true_and_no_sooner(delivered: Outcome) -> None:
    assert delivered.analysis is not None
    assert came_true(delivered.scenario, delivered.analysis)
    assert not came_true(delivered.scenario, _without(delivered.analysis, events.Stored))
    staged = parse(DELIVERED + "faults:\n  - {at: someschool.edu, on: RSET, reply: 451 4.3.0 Later}\n")
    assert not came_true(staged, delivered.analysis)


def test_a_fault_that_never_fires_fails_the_scenario(tmp_path: Path) -> None:
    outcome = play(DELIVERED + "faults:\n  - {at: someschool.edu, on: RSET, reply: 451 4.3.0 Later}\n", tmp_path)
    assert outcome.result is Result.FAILED
    assert outcome.judgement is not None
    assert [v.why for v in outcome.judgement.always if not v.held] == ["the fault at line 8 was never reached"]


def _without(analysis: Analysis, *kinds: type[events.LogEvent]) -> Analysis:
    """The trace of hosts that did not do, or did not say, certain things."""
    return replace(analysis, log=tuple(entry for entry in analysis.log if not isinstance(entry.event, kinds)))


def _conservation(outcome: Outcome, analysis: Analysis) -> tuple[bool, str]:
    verdict = judge(outcome.scenario, analysis).always[-1]
    return verdict.held, verdict.why


def test_mail_that_vanishes_from_a_mailbox_is_a_loss(delivered: Outcome) -> None:
    assert delivered.analysis is not None
    held, why = _conservation(delivered, _without(delivered.analysis, events.HoldsMail))
    assert not held
    assert "someschool.edu answered 250 for" in why


def test_mail_a_relay_forgets_is_a_loss(delivered: Outcome) -> None:
    assert delivered.analysis is not None
    held, why = _conservation(delivered, _without(delivered.analysis, events.Relayed))
    assert not held
    assert "crepes.fr answered 250 for" in why


def test_a_relay_cannot_claim_to_have_relayed_what_the_wire_never_saw(delivered: Outcome) -> None:
    assert delivered.analysis is not None
    kept = tuple(c.number for c in delivered.analysis.connections if c.server.label != "someschool.edu")
    held, why = _conservation(delivered, replace(delivered.analysis, chosen=kept))
    assert not held
    assert "crepes.fr answered 250 for" in why


def test_a_second_copy_needs_an_excuse(delivered: Outcome) -> None:
    assert delivered.analysis is not None
    log = delivered.analysis.log
    twice = tuple(e for entry in log for e in [entry] * (2 if isinstance(entry.event, events.Stored) else 1))
    held, why = _conservation(delivered, replace(delivered.analysis, log=twice))
    assert not held
    assert "no lost reply explains it" in why


BOUNCED = """
title: Carol has her message back
hosts:
  carol.hamburger.edu: {address: carol@hamburger.edu, server: crepes.fr}
  hamburger.edu: {mailboxes: [carol]}
steps:
  - send: {from: carol@hamburger.edu, to: nobody@someschool.edu, envelope_id: lunch-1}
expect:
  - notified: {to: carol@hamburger.edu, action: failed, envelope_id: lunch-1}
"""


@pytest.fixture(scope="module")
def bounced(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return play(BOUNCED, tmp_path_factory.mktemp("bounced"))


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("action: delayed", "says otherwise: Action is failed"),
        ("action: failed, status: 5.2.2", "says otherwise: Status is 5.1.1"),
        ("action: failed, envelope_id: lunch-2", "Original-Envelope-Id is 'lunch-1'"),
        (
            "action: failed, original_recipient: bob@someschool.edu",
            "says nobody@someschool.edu failed 5.1.1 instead",
        ),
        ("action: failed, count: 2", "1 such notification arrived"),
    ],
)
def test_a_notification_that_says_something_else_fails(bounced: Outcome, keys: str, why: str) -> None:
    assert bounced.result is Result.HELD
    assert bounced.analysis is not None
    scenario = parse(BOUNCED.partition("expect:")[0] + f"expect:\n  - notified: {{to: carol@hamburger.edu, {keys}}}\n")
    [verdict] = judge(scenario, bounced.analysis).expectations
    assert not verdict.held
    assert why in verdict.why


def _in_silence(entry: AnyEntry) -> AnyEntry:
    if isinstance(entry.event, events.Bounced):
        return replace(entry, event=events.Discarded(**asdict(entry.event)))
    return entry


def test_mail_may_be_dropped_in_silence_only_where_its_sender_asked_for_silence(tmp_path: Path) -> None:
    """RFC 3461 §4.1: the packets must show NOTIFY, a host's word alone is not enough."""
    silent = play(BOUNCED.replace("envelope_id: lunch-1}\nexpect", "notify: never}\nexpect"), tmp_path)
    assert silent.analysis is not None
    assert _conservation(silent, silent.analysis) == (True, "1 promise kept")
    loud = play(BOUNCED, tmp_path)
    assert loud.analysis is not None
    log = tuple(_in_silence(entry) for entry in loud.analysis.log)
    held, why = _conservation(loud, replace(loud.analysis, log=log))
    assert not held
    assert "neither delivered, bounced, nor queued" in why


def test_what_never_arrived_counts_by_its_subject_too(tmp_path: Path) -> None:
    outcome = play(
        """
title: Lunch arrives, dinner does not
faults: [{at: someschool.edu, on: message, reply: 554 5.6.0 No, from: 1m}]
steps:
  - send: {to: bob@someschool.edu, subject: Lunch}
  - wait: 2m
  - send: {to: bob@someschool.edu, subject: Dinner}
expect:
  - delivered: {to: bob@someschool.edu, subject: Lunch}
  - delivered: {to: bob@someschool.edu, subject: Dinner}
""",
        tmp_path,
    )
    assert outcome.judgement is not None
    lunch, dinner = outcome.judgement.expectations[:2]
    assert lunch.held
    assert "Lunch" in lunch.what
    assert not dinner.held
    assert "0 copies of" in dinner.why
