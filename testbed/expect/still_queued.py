"""What a scenario that ends too early has forgotten: to wait for mail that is still queued."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from testbed.durations import DAY, HOUR, MINUTE, SECOND, format_duration
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.expectations import Attempts, Bounced, Delivered, MailboxExpected, Notified, Transactions
from testbed.scenario.hosts import RelaySpec
from testbed.scenario.scenario import Scenario
from testbed.scenario.tagged import Tagged
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

# Spans as people write them, one of which is enough.
_WAITS = {"1m": MINUTE, "5m": 5 * MINUTE, "10m": 10 * MINUTE, "30m": 30 * MINUTE}
_WAITS |= {f"{hours}h": hours * HOUR for hours in (1, 2, 3, 6, 12)}
_WAITS |= {f"{days}d": days * DAY for days in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30)}
_MARGIN = 1.1  # what comes of an attempt takes a moment, too


class _Owed(Struct, frozen=True):
    """What a host has not got rid of by the end; spans are counted from there, in nanoseconds."""

    host: str
    recipient: str
    next_attempt_ns: int
    given_up_ns: int | None


def forgotten_wait(scenario: Scenario, expected: Tagged, verdict: Verdict, analysis: Analysis) -> str:
    """What would have let an expectation come true: the sentence of a remedy, ``""`` where waiting is none."""
    if verdict.held or not verdict.judged:
        return ""
    owed = next((one for one in _owed(scenario, analysis) if _concerns(expected, verdict, one)), None)
    if owed is None:
        return ""
    after_ns, told = owed.next_attempt_ns, f"next attempt in {_about(owed.next_attempt_ns)}"
    if isinstance(expected, Bounced | Notified):
        if owed.given_up_ns is None:
            return ""
        after_ns, told = owed.given_up_ns, f"given up in {_about(owed.given_up_ns)}"
    wait = next((text for text, ns in _WAITS.items() if ns >= after_ns * _MARGIN), "")
    return f"mail for {owed.recipient} is still queued at {owed.host}, {told}: add '- wait: {wait}'" if wait else ""


def _about(ns: int) -> str:
    """A span that people need not know to the second: ``30 min``."""
    return format_duration(max(MINUTE, round(ns / MINUTE) * MINUTE)) if ns > MINUTE / 2 else format_duration(ns)


def _concerns(expected: Tagged, verdict: Verdict, owed: _Owed) -> bool:
    """Whether what is missing could yet come of this mail."""
    to = owed.recipient.lower()
    if isinstance(expected, Delivered):
        return expected.copies > 0 and expected.to.lower() == to
    if isinstance(expected, MailboxExpected):
        return bool(expected.messages) and expected.of.lower() == to
    if isinstance(expected, Bounced):
        return expected.recipient is None or expected.recipient.lower() == to
    if isinstance(expected, Notified):
        return expected.action == "failed" and (expected.recipient is None or expected.recipient.lower() == to)
    if isinstance(expected, Attempts | Transactions):
        fewest = expected.count if expected.count is not None else expected.at_least
        return expected.sender in (None, owed.host) and fewest is not None and len(verdict.frames) < fewest
    return False


def _owed(scenario: Scenario, analysis: Analysis) -> Iterator[_Owed]:
    """What queues hold at the end, with when they mean to try it again."""
    due = {
        (entry.host, entry.event.queue_id, entry.event.recipient): entry.time_ns + entry.event.retry_in * SECOND
        for entry in of(analysis.log, events.Deferred)
    }
    taken = {
        (entry.host, entry.event.message_id): entry.time_ns
        for entry in reversed(list(of(analysis.log, events.Accepted)))
    }
    ended_ns = next((entry.time_ns for entry in of(analysis.log, events.LabEnded)), analysis.end_ns)
    for entry in of(analysis.log, events.HoldsQueue):
        event, spec = entry.event, scenario.hosts.get(entry.host)
        at_ns = due.get((entry.host, event.queue_id, event.recipient))
        if at_ns is None or at_ns <= ended_ns:
            continue
        came_ns = taken.get((entry.host, event.message_id))
        given_up_ns = None
        if isinstance(spec, RelaySpec) and came_ns is not None:
            given_up_ns = came_ns + spec.give_up - ended_ns
        yield _Owed(entry.host, event.recipient, at_ns - ended_ns, given_up_ns)
