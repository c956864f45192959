"""Talks: everything was said, and every answer was the one expected."""

from __future__ import annotations

from msgspec.structs import replace

from testbed.expect.others import of_others
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.scenario import Scenario
from testbed.scenario.talk import TalkStep
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import LogEntry, of


def judge_talks(scenario: Scenario, analysis: Analysis) -> list[Verdict]:
    """A talk cut short has not shown what it was written for; the last reply before that is cited."""
    verdicts = []
    for step in scenario.steps:
        if not isinstance(step, TalkStep):
            continue
        ends = [entry for entry in of(analysis.log, events.Talked) if entry.event.line == step.line]
        cut_short = [entry for entry in ends if entry.event.unsaid]
        why = "; ".join(entry.event.status for entry in ends) or "it was never played"
        replies = [frame for entry in cut_short for frame in _last_reply(step, entry, analysis)]
        frames = (*replies, *(entry.frame for entry in ends))
        held = bool(ends) and not cut_short
        verdict = Verdict(f"talk: {step.describe()}", held, why, frames, step.line, scenario.file_of("steps"))
        verdicts.append(
            verdict if held or not of_others(scenario, "steps") else replace(verdict, held=True, judged=False)
        )
    return verdicts


def _last_reply(step: TalkStep, end: LogEntry[events.Talked], analysis: Analysis) -> tuple[int, ...]:
    """The frames of the last reply the talk had heard when it ended."""
    heard = [
        exchange.reply
        for connection in analysis.connections
        if (connection.client.name, connection.server.name) == (step.sender, step.to)
        for exchange in connection.exchanges
        if exchange.reply is not None and exchange.reply.time_ns <= end.time_ns
    ]
    return max(heard, key=lambda reply: reply.time_ns).frames if heard else ()
