"""A program that plays a host runs until it is told to end (RFC 5321 §3.8, §6.1: what it holds is lost with it)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.programs import Exited, Running
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of


def programs_run_on(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """One ended by itself, and no expectation of the scenario is about that."""
    for entry in of(analysis.log, events.Exited):
        foreseen = any(
            (isinstance(expected, Exited) and expected.command in entry.event.command)
            or (isinstance(expected, Running) and expected.at == entry.event.plays)
            for expected in scenario.expect
        )
        if entry.event.plays and not foreseen:
            why = f"the program of {entry.event.plays} ended by itself with status {entry.event.status}"
            yield Verdict("programs that play hosts keep running", False, why, (entry.frame,))
