"""Attempts that are played: those of one capture, or of very many at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from testbed.errors import LabError, UsageError
from testbed.lab import preload, run
from testbed.outcome import Outcome, Result, conclude
from testbed.protocols import events
from testbed.reproduce.alike import differences, of_played
from testbed.reproduce.reproduction import Attempt, Reproduction
from testbed.reproduce.search import Search
from testbed.runner import TIME_LIMIT_S, Runner
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

Key = TypeVar("Key")


def reproduced(found: Search) -> Reproduction:
    """What comes of one search.  Raises UsageError where nothing can be tried, LabError where no lab can be run."""
    with tempfile.TemporaryDirectory(prefix="testbed-") as folder:
        [(_, came)] = all_reproduced({0: found}, Path(folder))
    if isinstance(came, UsageError):
        raise came
    return came


def all_reproduced(
    searches: Mapping[Key, Search], folder: Path, jobs: int = 1
) -> Iterator[tuple[Key, Reproduction | UsageError]]:
    """What comes of searches, as they end, or why there is nothing to try; traces pass through ``folder``.

    Raises LabError where no lab can be run.
    """
    waiting: dict[Key, Attempt] = {}
    for key, one in searches.items():
        try:
            waiting[key] = next(one)
        except UsageError as error:
            yield key, error
    while waiting:
        preload([one.scenario for one in waiting.values()])
        keys = {id(one.scenario): key for key, one in waiting.items()}
        work = [(one.scenario, folder / f"{number}.pcapng") for number, one in enumerate(waiting.values())]
        following: dict[Key, Attempt] = {}
        for lab in Runner(run, jobs=jobs, time_limit_s=TIME_LIMIT_S).run(work):
            if lab.no_lab:
                raise LabError(lab.error)
            key = keys[id(lab.scenario)]
            try:
                following[key] = searches[key].send(compared(waiting[key], conclude(lab, TIME_LIMIT_S)))
            except StopIteration as ended:
                yield key, ended.value
            if lab.trace is not None:
                os.unlink(lab.trace)
        waiting = following


def compared(attempt: Attempt, outcome: Outcome) -> Reproduction:
    """What an outcome has otherwise than the capture."""
    if outcome.analysis is None or outcome.judgement is None:
        why = outcome.played.cause or outcome.played.skipped or "nothing was captured"
        return Reproduction(attempt, (), (why,))
    judged = (*outcome.judgement.expectations, *outcome.judgement.always)
    red = [verdict.why for verdict in judged if not verdict.held]
    if outcome.result is not Result.HELD and not red:
        red.append(outcome.played.cause or str(outcome.result))
    found = tuple(differences(attempt.told, of_played(outcome.analysis)))
    return Reproduction(attempt, found, tuple(red), tuple(_idle(attempt, outcome.analysis)) if red else ())


def _idle(attempt: Attempt, analysis: Analysis) -> Iterator[int]:
    struck: dict[int, bool] = {}
    for entry in of(analysis.log, events.Fault):
        struck[entry.event.line] = struck.get(entry.event.line, False) or not entry.event.vain
    for place, fault in enumerate(attempt.scenario.faults):
        if not struck.get(fault.line, False):
            yield place
