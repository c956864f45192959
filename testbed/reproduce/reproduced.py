"""The way from a capture's packets to a scenario that was played, and how far that went."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from testbed.errors import LabError, UsageError
from testbed.lab import preload, run
from testbed.outcome import Outcome, Result, conclude
from testbed.protocols.text import printable
from testbed.reproduce.alike import differences, of_capture, of_played
from testbed.reproduce.composed import Way, composed
from testbed.reproduce.reproduction import Attempt, Reproduction
from testbed.reproduce.written import written
from testbed.runner import TIME_LIMIT_S, Runner
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from testbed.trace.analysis import Analysis


def attempts(analysis: Analysis, source: str, *, keep_names: bool = False) -> Iterator[Attempt]:
    """Scenarios of a capture, the most natural first.  Raises UsageError where there is none."""
    problem, found = "", False
    for way in Way:
        draft, parties = composed(analysis, way, keep_names=keep_names)
        if not draft.steps or not draft.expect:
            continue
        text = written(draft, printable(source))
        try:
            scenario = parse(text, "scenario.yaml")
        except ScenarioError as error:
            problem = problem or str(error.problems[0])
            continue
        found = True
        yield Attempt(way, text, scenario, of_capture(analysis, parties), tuple(draft.unstaged))
    if not found:
        why = f"what it shows cannot be said in a scenario: {problem}" if problem else "no mail is handed over in it"
        raise UsageError(f"{printable(source)}: {why}")


def reproduced(analysis: Analysis, source: str, *, keep_names: bool = False) -> Reproduction:
    """The first scenario that comes out the same, or the one that comes nearest.

    Raises UsageError where there is none, LabError where no lab can be run.
    """
    best: Reproduction | None = None
    for attempt in attempts(analysis, source, keep_names=keep_names):
        found = played(attempt)
        if best is None or _distance(found) < _distance(best):
            best = found
        if found.same:
            break
    assert best is not None
    return best


def played(attempt: Attempt, time_limit_s: float = TIME_LIMIT_S) -> Reproduction:
    """Play one, and compare.  Raises LabError where no lab can be run."""
    preload([attempt.scenario])
    with tempfile.TemporaryFile() as unnamed:
        trace = Path(f"/proc/{os.getpid()}/fd/{unnamed.fileno()}")
        [lab] = Runner(run, jobs=1, time_limit_s=time_limit_s).run([(attempt.scenario, trace)])
        if lab.no_lab:
            raise LabError(lab.error)
        return compared(attempt, conclude(lab, time_limit_s))


def compared(attempt: Attempt, outcome: Outcome) -> Reproduction:
    """What an outcome has otherwise than the capture."""
    if outcome.analysis is None or outcome.judgement is None:
        why = outcome.played.cause or outcome.played.skipped or "nothing was captured"
        return Reproduction(attempt, (), (why,))
    judged = (*outcome.judgement.expectations, *outcome.judgement.always)
    red = [verdict.why for verdict in judged if not verdict.held]
    if outcome.result is not Result.HELD and not red:
        red.append(outcome.played.cause or str(outcome.result))
    return Reproduction(attempt, tuple(differences(attempt.told, of_played(outcome.analysis))), tuple(red))


def _distance(found: Reproduction) -> tuple[int, int]:
    return len(found.differences), len(found.red)
