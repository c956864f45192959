"""One judgement per scenario: its expectations, its faults, and the conservation of mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from testbed.expect.authenticated import judge_authenticated
from testbed.expect.connections import judge_attempts, judge_connection, judge_reply, judge_transactions
from testbed.expect.conservation import judge_conservation
from testbed.expect.conservation.passages import passages
from testbed.expect.faults import judge_faults, with_faults_set
from testbed.expect.mail import judge_bounced, judge_delivered, judge_queued
from testbed.expect.mailbox import judge_mailbox
from testbed.expect.mailboxes import mailboxes
from testbed.expect.notifications import judge_notified
from testbed.expect.programs import judge_exited, judge_running
from testbed.expect.programs_awaited import ended_early, programs_awaited
from testbed.expect.read_back import with_reading, without_reading
from testbed.expect.reading import judge_fetched
from testbed.expect.reported import judge_reported
from testbed.expect.rules import judge_rules
from testbed.expect.sealed import sealed, unless_sealed
from testbed.expect.still_queued import forgotten_wait
from testbed.expect.talks import judge_talks
from testbed.expect.verdict import Verdict
from testbed.scenario.expectations import (
    Attempts,
    AuthenticatedExpected,
    Bounced,
    ConnectionExpected,
    Delivered,
    Fetched,
    MailboxExpected,
    Notified,
    Queued,
    Transactions,
)
from testbed.scenario.programs import Exited, Running
from testbed.scenario.reply_expected import ReplyExpected
from testbed.scenario.reported import ReportedExpected
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_JUDGES: dict[type, Callable[[Any, Analysis], Verdict]] = {
    Delivered: judge_delivered,
    MailboxExpected: judge_mailbox,
    Queued: judge_queued,
    Bounced: judge_bounced,
    Notified: judge_notified,
    Attempts: judge_attempts,
    Transactions: judge_transactions,
    ReplyExpected: judge_reply,
    ConnectionExpected: judge_connection,
    Fetched: judge_fetched,
    AuthenticatedExpected: judge_authenticated,
    ReportedExpected: judge_reported,
    Exited: judge_exited,
    Running: judge_running,
}


class Judgement(Struct, frozen=True):
    """Verdicts on the expectations in the order of the file, then on what is always checked.

    ``staged`` are those on faults and talks, which must have done their work, ``mail`` those on what became of mail,
    ``awaited`` those on programs that the lab has waited for in vain.
    """

    expectations: tuple[Verdict, ...]
    staged: tuple[Verdict, ...] = ()
    mail: tuple[Verdict, ...] = ()
    awaited: tuple[Verdict, ...] = ()

    @property
    def always(self) -> tuple[Verdict, ...]:
        """What no expectation has asked for."""
        return (*self.awaited, *self.staged, *self.mail)

    @property
    def held(self) -> bool:
        """Whether everything held that could be judged."""
        return all(verdict.held for verdict in (*self.expectations, *self.always))

    @property
    def not_judged(self) -> tuple[Verdict, ...]:
        """What nobody could see."""
        return tuple(verdict for verdict in (*self.expectations, *self.always) if not verdict.judged)


def judge(scenario: Scenario, analysis: Analysis) -> Judgement:
    """Judge a trace of a scenario, fresh or stored."""
    scenario = with_faults_set(scenario, analysis.log)
    whole, analysis = with_reading(analysis), without_reading(analysis)
    expectations = tuple(_expectations(scenario, analysis))
    staged = tuple(_staged(scenario, analysis))
    carried = passages(analysis)
    rules = (*judge_rules(scenario, analysis, carried), *mailboxes(scenario, whole, carried))
    conserved, awaited = judge_conservation(analysis, carried, scenario), tuple(programs_awaited(analysis))
    if ended_early(analysis):  # without an inventory, so nobody knows who still has what
        conserved = _as_far_as_played(conserved)
        if any(not verdict.held for verdict in awaited):
            expectations, staged = map(_as_far_as_played, (expectations, staged))
    return Judgement(expectations, staged, (*rules, *conserved), awaited)


def came_true(scenario: Scenario, analysis: Analysis) -> bool:
    """Whether a trace shows already all that is expected, and all faults and talks at an end.

    What became of mail is not asked: some of it may be under way.  Where one thing is missing, the rest is not asked.
    """
    analysis = without_reading(analysis)
    verdicts = chain(_expectations(scenario, analysis), _staged(scenario, analysis))
    return all(verdict.held and verdict.judged for verdict in verdicts)


def _expectations(scenario: Scenario, analysis: Analysis) -> Iterator[Verdict]:
    for key, expectations in scenario.expected.items():
        for expectation in expectations:
            verdict = _contradictable(_JUDGES[type(expectation)](expectation, analysis), analysis)
            remedy = forgotten_wait(scenario, expectation, verdict, analysis)
            yield replace(verdict, file=scenario.file_of(key), remedy=remedy)


def _staged(scenario: Scenario, analysis: Analysis) -> Iterator[Verdict]:
    yield from judge_faults(scenario, analysis)
    yield from judge_talks(scenario, analysis)


def _as_far_as_played(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts of a lab that a program ended early: what did not hold by then might have held in the end."""
    why = "the lab ended before its steps were over"
    return tuple(v if v.held else replace(v, held=True, judged=False, why=f"{why} ({v.why})") for v in verdicts)


def _contradictable(verdict: Verdict, analysis: Analysis) -> Verdict:
    """A verdict without evidence is green by accident: nothing in the trace could have turned it red."""
    if verdict.held and not verdict.frames:
        why = f"nothing in this run could contradict it ({verdict.why})"
        return unless_sealed(replace(verdict, held=False, why=why), sealed(analysis))
    return verdict
