"""One run: played, inspected, judged by what always holds, and told in a small value."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from testbed.errors import UsageError
from testbed.expect.fates import End, Fate, fates, told
from testbed.explore.candidate import Candidate
from testbed.explore.cause import cause
from testbed.explore.digest import by_host, digest, effect
from testbed.explore.first_run import Explored
from testbed.explore.occasions import occasions
from testbed.explore.oracles import Oracle, breaches
from testbed.explore.oracles.own import own_oracles
from testbed.explore.points import candidates
from testbed.explore.ran import Came, Order, Ran
from testbed.lab import run
from testbed.outcome import Outcome, conclude
from testbed.runner import TIME_LIMIT_S, Runner
from testbed.scenario.problems import ScenarioError
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.compare.fingerprint import fingerprint


def play(
    explored: Explored,
    order: Order,
    folder: Path,
    time_limit_s: float = TIME_LIMIT_S,
    oracles: Sequence[str] = (),
) -> Ran:
    """Play a scenario with the ordered faults; ``folder`` is where its trace goes, if it is to stay.

    A trace that does not stay is in no folder: whoever is killed leaves none behind.
    ``oracles`` name a team's own (:func:`testbed.explore.oracles.own.own_oracles`).
    """
    if order.data is not None:
        explored = Explored(explored.scenario, order.data)
    try:
        scenario, own = explored.with_faults(order.faults), own_oracles(oracles)
    except (ScenarioError, UsageError) as error:
        return Ran(order.number, Came.NOT_OVER, error=str(error))
    with tempfile.TemporaryFile() as unnamed:
        trace = folder / order.kept if order.kept else Path(f"/proc/{os.getpid()}/fd/{unnamed.fileno()}")
        [played] = Runner(run, jobs=1, time_limit_s=time_limit_s).run([(scenario, trace)])
        try:
            return told_of(explored, order, conclude(played, time_limit_s), own)
        except UsageError as error:  # an oracle failed, so nobody knows
            return Ran(order.number, Came.NOT_OVER, seconds=played.seconds, error=str(error))


def told_of(explored: Explored, order: Order, outcome: Outcome, own: Sequence[Oracle] = ()) -> Ran:
    """What came of a run.  Raises UsageError where one of a team's ``own`` oracles fails."""
    analysis, judgement = outcome.analysis, outcome.judgement
    if outcome.played.error or outcome.played.skipped or analysis is None or judgement is None:
        why = outcome.played.cause or outcome.played.skipped or "nothing was captured"
        return Ran(order.number, Came.NOT_OVER, seconds=outcome.played.seconds, error=why, no_lab=outcome.played.no_lab)
    reached = tuple(bool(verdict.frames) for verdict in judgement.staged[explored.own_faults :][: len(order.faults)])
    found, seen, every = fates(analysis), fingerprint(analysis), breaches(outcome.scenario, analysis, judgement, own)
    broken = tuple(breach for breach in every if cause(breach) not in explored.known)
    how = digest(seen)
    asked = len(order.faults) < 2 and order.data is None
    points, opened = _offered(explored, outcome.scenario, analysis) if asked else (frozenset(), ())
    return Ran(
        order.number,
        Came.RED if broken else _came(explored, found, how, reached),
        told(found),
        how,
        effect(seen),
        reached,
        broken,
        points,
        opened,
        outcome.played.seconds,
        by_host=() if order.faults or order.data is not None else by_host(seen),
        occasions=occasions(outcome.scenario, analysis),
    )


def _came(explored: Explored, found: list[Fate], how: str, reached: tuple[bool, ...]) -> Came:
    if not all(reached):
        return Came.NEVER_REACHED
    if how == explored.digest:
        return Came.UNNOTICED
    ends = {fate.end for fate in found}
    if ends & {End.UNKNOWN, End.LOST}:  # a loss that is nobody's breach was staged
        return Came.UNKNOWN
    if End.QUEUED in ends:
        return Came.QUEUED
    if ends & {End.BOUNCED, End.REFUSED, End.NOT_TAKEN} or not ends:
        return Came.GIVEN_BACK
    return Came.TWICE if any(fate.copies > 1 for fate in found) else Came.DELIVERED


def _offered(
    explored: Explored, scenario: Scenario, analysis: Analysis
) -> tuple[frozenset[str], tuple[Candidate, ...]]:
    """The points of a run, and what it offers to try that the first one does not."""
    seen = candidates(scenario, analysis)
    known = {candidate.key for candidate in explored.candidates}
    fresh = (one for key, one in seen.items() if key not in known)
    return frozenset(str(one.point) for one in seen.values()), tuple(one for one in fresh if explored.allows(one))
