"""Whether a crash mattered to anybody: packets met it, or the host had something to lose."""

from __future__ import annotations

from math import inf

from testbed.expect.observed import entries
from testbed.protocols import events
from testbed.scenario.hosts import MailHostSpec
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import LogEntry, of

_SETTLED = (events.Relayed, events.Bounced, events.Stored, events.Discarded, events.Forwarded)


def why_without_effect(scenario: Scenario, host: str, crash: LogEntry[events.Fault], analysis: Analysis) -> str:
    """Why a crash of a host, and its absence until it was back, changed nothing; ``""`` where something may be seen."""
    if any(entry.host == host and entry.time_ns >= crash.time_ns for entry in of(analysis.log, events.Crashed)):
        if (
            _met(host, crash.time_ns, analysis)
            or _had_memory(scenario, host)
            or _held_mail(host, crash, analysis)
            or _was_a_program_in_use(scenario, host, analysis)
        ):
            return ""
        return f"{host} had no connection and no mail to pass on, and nobody came until it was back"
    return f"{host} was not running at that time"


def _met(host: str, crashed_ns: int, analysis: Analysis) -> bool:
    """Whether it had a connection that was cut, or somebody came while it was away."""
    back = [entry.time_ns for entry in of(analysis.log, events.Restarted) if entry.host == host]
    back_ns = min((time_ns for time_ns in back if time_ns >= crashed_ns), default=inf)
    return any(
        host in (connection.client.label, connection.server.label)
        and connection.start_ns <= back_ns
        and connection.end_ns >= crashed_ns
        for connection in analysis.connections
    )


def _had_memory(scenario: Scenario, host: str) -> bool:
    """Whether it knows its clients again, which is in memory."""
    spec = scenario.hosts.get(host)
    return isinstance(spec, MailHostSpec) and (spec.greylist is not None or spec.rate_limit is not None)


def _was_a_program_in_use(scenario: Scenario, host: str, analysis: Analysis) -> bool:
    """Whether it is somebody's program, and anybody ever came to it.

    Nobody knows what it keeps in memory alone, nor what it makes of its files when it starts again: mailboxes that are
    read, even at the end, and whoever comes later may show it.
    """
    spec = scenario.hosts.get(host)
    ends = (end.label for connection in analysis.connections for end in (connection.client, connection.server))
    return isinstance(spec, MailHostSpec) and spec.is_program and host in ends


def _held_mail(host: str, crash: LogEntry[events.Fault], analysis: Analysis) -> bool:
    """Whether it had taken mail that had gone nowhere yet, as far as anybody can see."""
    before = [entry for entry in entries(analysis, events.OfMessage, host) if entry.time_ns <= crash.time_ns]
    settled = {(entry.event.message_id, entry.event.recipient.lower()) for entry in of(before, *_SETTLED)}
    return any(
        (entry.event.message_id, recipient.lower()) not in settled
        for entry in of(before, events.Accepted)
        for recipient in entry.event.recipients
    )
