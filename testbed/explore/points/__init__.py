"""The points at which something can go wrong in a run, and what: a file a kind, each read off the run's trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from testbed.explore.candidate import Candidate
from testbed.explore.points.clock import clock
from testbed.explore.points.crash import crash
from testbed.explore.points.dialogue import dialogue
from testbed.explore.points.host import host
from testbed.explore.points.name_server import name_server
from testbed.explore.points.policy import policy
from testbed.explore.points.reading import reading
from testbed.explore.points.room import room
from testbed.explore.points.tls import tls
from testbed.explore.points.wire import wire
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

KINDS: tuple[Callable[[Scenario, Analysis], Iterator[Candidate]], ...] = (
    dialogue,
    reading,
    crash,
    name_server,
    tls,
    policy,
    host,
    room,
    clock,
    wire,
)


def candidates(scenario: Scenario, analysis: Analysis) -> dict[str, Candidate]:
    """All that can be tried in a scenario, as one run of it shows, by key; some of it this scenario may not allow."""
    return {one.key: one for kind in KINDS for one in kind(scenario, analysis)}
