"""A program that plays a server runs until it is told to end (RFC 5321 §6.1: it is responsible for what it took)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.programs_awaited import OUT_OF_MEMORY, last_words
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.programs import Exited, Running
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

_CLIENTS = ("client", "user-agent")


def programs_run_on(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """One ended by itself, and no expectation of the scenario is about that; a client may have done all it wanted.

    One that took more than a program may take was killed for it.
    """
    for killed in of(analysis.log, events.Exhausted):
        words, frames = last_words(analysis, killed.host)
        why = f"{killed.host}: {killed.message}{words}"
        yield Verdict("programs take no more than they may", False, why, tuple(sorted({*frames, killed.frame})))
    for entry in of(analysis.log, events.Exited):
        foreseen = any(
            (isinstance(expected, Exited) and expected.command in entry.event.command)
            or (isinstance(expected, Running) and expected.at == entry.event.plays)
            for expected in scenario.foreseen
        )
        host = scenario.hosts.get(entry.event.plays)
        if host is not None and host.role not in _CLIENTS and not foreseen:
            words, frames = last_words(analysis, entry.host)
            excuse = OUT_OF_MEMORY if entry.event.out_of_memory else ""
            why = f"the program of {entry.event.plays} ended by itself with status {entry.event.status}{words}{excuse}"
            cited = tuple(sorted({*frames, entry.frame}))
            yield Verdict("programs that play servers keep running", bool(excuse), why, cited, judged=not excuse)
