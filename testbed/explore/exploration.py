"""An exploration from its first run to the last: one scenario, one cast."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from testbed.crew.crew import Crew
from testbed.errors import LabError
from testbed.explore.candidate import Candidate
from testbed.explore.cause import causes
from testbed.explore.engagement import Engagement
from testbed.explore.first_run import explored
from testbed.explore.journal import Journal, earlier_runs, key_of
from testbed.explore.ran import Came, Order, Ran
from testbed.explore.reds import Cause, by_cause
from testbed.explore.search import Phase, Search
from testbed.explore.shrink import Play
from testbed.explore.since import Since
from testbed.explore.smallest import Smallest, smallest
from testbed.explore.tried import Tried
from testbed.scenario.scenario import Scenario

_RUNS = "runs.ndjson"


@dataclass(slots=True)
class Tally:
    """How far a phase came: what its tries came to, how many were superfluous and why, how many are left."""

    name: str
    came: Counter[Came] = field(default_factory=Counter)
    superfluous: Counter[str] = field(default_factory=Counter)
    not_tried: int = 0


@dataclass(slots=True)
class Found:
    """What an exploration has found.  ``player`` says who played, ``""`` for nobody but the lab's own.

    ``first`` is the run without faults, None where it could not be played; ``singles`` are all single faults, ``red``
    all that were broken, the first run among them, ``smallest`` what became of their causes.  ``played`` counts the
    labs of these, those known before not among them; ``runs`` has all of both by :func:`key_of`.  ``since`` are earlier
    results, None where none were named: their causes are no news.  ``set_aside`` is where runs of something else went
    that were in the way.
    """

    scenario: Scenario
    player: str
    first: Ran | None = None
    singles: list[Tried] = field(default_factory=list)
    red: list[Tried] = field(default_factory=list)
    smallest: list[Smallest] = field(default_factory=list)
    runs: Mapping[str, Ran] = field(default_factory=dict)
    since: Since | None = None
    set_aside: Path | None = None
    not_over: list[Tried] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    played: int = 0
    known: int = 0
    seconds: float = 0.0

    @property
    def is_explored(self) -> bool:
        """Whether its run without faults was played to its end: without that, nobody knows anything."""
        return self.first is not None and self.first.came is not Came.NOT_OVER

    @property
    def known_causes(self) -> frozenset[str]:
        """What earlier results are red for, too."""
        return self.since.causes if self.since is not None else frozenset()

    @property
    def news(self) -> list[Cause]:
        """What is broken, but for what was known."""
        known = self.known_causes
        return [cause for cause in by_cause(self.red) if cause.name not in known]

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All single faults there are."""
        return self.first.opened if self.first is not None else ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """How far an exploration goes.

    ``oracles`` are the names of a team's own, ``earlier`` is a folder of results whose causes are no news, ``until`` is
    of time.monotonic(), ``stop`` is asked whether somebody has had enough, ``told`` hears of each phase how far it has
    come.
    """

    depth: int
    seed: int
    until: float
    time_limit_s: float
    oracles: tuple[str, ...] = ()
    earlier: Path | None = None
    stop: Callable[[], bool] = lambda: False
    told: Callable[[Tally], None] = lambda tally: None

    @property
    def over(self) -> bool:
        """Whether no more is to be begun."""
        return self.stop() or time.monotonic() >= self.until


def explore(scenario: Scenario, player: str, crew: Crew, folder: Path, wanted: Wanted, command: str) -> Found:
    """Try faults until all are tried or the time is up, and make what is red small.

    ``folder`` holds the runs, and what is red as scenarios with their traces; ``command`` is what people say to have
    this explored.  Raises UsageError or MachineError where that cannot be written.
    """
    began = time.monotonic()
    subject = explored(scenario)
    journal = Journal(folder / _RUNS, subject)
    found = Found(scenario, player, runs=journal.known, set_aside=journal.set_aside)
    try:
        engagement = Engagement(subject, folder, wanted.time_limit_s, wanted.oracles)
        engagement = _explore(found, engagement, crew, journal, wanted)
        found.seconds = time.monotonic() - began
        fresh = [cause for cause in found.news if cause.first.faults]
        found.smallest = smallest(fresh, subject, partial(crew.play, engagement), folder, command, wanted.stop)
    finally:
        journal.close()
    return found


def _explore(found: Found, engagement: Engagement, crew: Crew, journal: Journal, wanted: Wanted) -> Engagement:
    """Try faults; gives what the crew knows at the end."""
    play = partial(crew.play, engagement)
    for _ in _tried(found, Phase("the scenario itself", [()]), play, journal, wanted, kept="fault-free.pcapng"):
        pass
    if found.first is not None and wanted.earlier is not None:
        found.since = Since(earlier_runs(wanted.earlier / engagement.keep.name / _RUNS), found.first)
    if found.first is None or found.first.came is Came.NOT_OVER:
        return engagement
    known = frozenset(causes(found.first))
    subject = replace(engagement.explored, candidates=found.first.opened, digest=found.first.digest, known=known)
    engagement = replace(engagement, explored=subject)
    play = partial(crew.play, engagement)
    same = found.since.same() if found.since is not None else frozenset()
    search = Search(found.first, wanted.depth, wanted.seed, same=same)
    for phase in search.phases():
        for tried in _tried(found, phase, play, journal, wanted):
            search.note(tried.faults, tried.ran)
    return engagement


def _tried(found: Found, phase: Phase, play: Play, journal: Journal, wanted: Wanted, kept: str = "") -> Iterator[Tried]:
    """Every try of a phase, as it ends: those that are known from before first."""
    tally = Tally(phase.name, superfluous=phase.superfluous, not_tried=len(phase.tries))
    found.tallies.append(tally)
    fresh = []
    for faults in phase.tries:
        if (ran := journal.known.get(key_of(faults))) is not None:
            found.known += 1
            yield _noted(found, tally, Tried(faults, ran))
        else:
            fresh.append(faults)
    orders = (
        Order(number, tuple(one.fault for one in faults), kept)
        for number, faults in enumerate(fresh)
        if not (wanted.over if faults else wanted.stop())  # the run without faults is played in any case
    )
    for ran in play(orders):
        if ran is not None:
            if ran.no_lab:
                raise LabError(ran.error)
            found.played += 1
            journal.note(fresh[ran.number], ran)
            yield _noted(found, tally, Tried(fresh[ran.number], ran))
        wanted.told(tally)


def _noted(found: Found, tally: Tally, tried: Tried) -> Tried:
    tally.came[tried.ran.came] += 1
    tally.not_tried -= 1
    if not tried.faults:
        found.first = tried.ran
    if len(tried.faults) == 1:
        found.singles.append(tried)
    if tried.ran.came is Came.RED:
        found.red.append(tried)
    if tried.ran.came is Came.NOT_OVER:
        found.not_over.append(tried)
    return tried
