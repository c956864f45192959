"""Which scenarios are tried for a capture, one after the other: what comes of one says what is tried next."""

from __future__ import annotations

from collections.abc import Generator

from testbed.errors import UsageError
from testbed.protocols.text import printable
from testbed.reproduce.alike import of_capture
from testbed.reproduce.composed import Way, composed
from testbed.reproduce.reproduction import Attempt, Reproduction, attempt
from testbed.scenario.problems import ScenarioError
from testbed.trace.analysis import Analysis

Search = Generator[Attempt, Reproduction, Reproduction]
"""Yields what is to be played, is sent what came of it, and returns the one that came nearest."""


def search(analysis: Analysis, source: str, *, keep_names: bool = False) -> Search:
    """The most natural scenario first, until one comes out the same.  Raises UsageError where there is none."""
    best: Reproduction | None = None
    problem = ""
    for way in Way:
        draft, parties = composed(analysis, way, keep_names=keep_names)
        if not draft.steps or not draft.expect:
            continue
        try:
            made = attempt(way, draft, of_capture(analysis, parties), source)
        except ScenarioError as error:
            problem = problem or str(error.problems[0])
            continue
        found = yield made
        if found.idle:
            again = yield made.without(found.idle)
            found = min(found, again, key=lambda one: one.distance)
        if best is None or found.distance < best.distance:
            best = found
        if best.same:
            break
    if best is None:
        why = f"what it shows cannot be said in a scenario: {problem}" if problem else "no mail is handed over in it"
        raise UsageError(f"{printable(source)}: {why}")
    return best
