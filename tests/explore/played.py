"""Some thirty single faults of a scenario, played by a crew; also as a program, for who plays in another network."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from testbed.crew.crew import Crew
from testbed.explore.engagement import Engagement
from testbed.explore.first_run import explored
from testbed.explore.ran import Order
from testbed.scenario.load import load
from tests.conftest import PROJECT

_EVERY = 16


def came_of(
    crew: Crew, keep: Path, after: Mapping[int, Callable[[], None]] = MappingProxyType({})
) -> set[tuple[int, str, str]]:
    """What came of each, by its number, and how it went; ``after`` so many of them, something is done."""
    subject = explored(load(PROJECT / "scenarios" / "delivered.yaml"))
    found = set()
    try:
        [first] = [ran for ran in crew.play(Engagement(subject, keep, 120.0), [Order(0, ())]) if ran is not None]
        assert not first.error, first.error
        work = Engagement(replace(subject, candidates=first.opened, digest=first.digest), keep, 120.0)
        chosen = first.opened[::_EVERY]
        for ran in crew.play(work, (Order(number, (one.fault,)) for number, one in enumerate(chosen))):
            if ran is not None:
                assert not ran.error, ran.error
                found.add((ran.number, ran.came.value, ran.digest))
                after.get(len(found), lambda: None)()
    finally:
        crew.dismiss()
    assert len(found) == len(chosen)
    return found


if __name__ == "__main__":
    from testbed.crew.cluster import cluster_crew

    print(json.dumps(sorted(came_of(cluster_crew(sys.argv[1]), Path(sys.argv[2])))))
