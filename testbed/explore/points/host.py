"""Outages: a mail server, its disk, or the link to it is gone from each connection of a run on, for a while."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.durations import MILLISECOND
from testbed.explore.candidate import Candidate, Point
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_OUTAGES = ("silent", "refused", "unreachable", "full-disk")
_RANK = 3
_LASTS = {"for 1 h": 3600, "for 6 days": 6 * 86_400}


def host(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """From the start, and from shortly before each server is connected to for the first time in another second."""
    seen: set[tuple[str, int]] = set()
    for connection in analysis.connections:
        name = connection.server.label
        if name not in scenario.hosts or "mail server" not in scenario.hosts[name].nouns:
            continue
        since_s = (connection.start_ns - analysis.start_ns) // (1000 * MILLISECOND)
        if (name, since_s) in seen:
            continue
        seen.add((name, since_s))
        nth = sum(one == name for one, _ in seen)
        point = Point("host", f"{name} connected to", nth, _RANK)
        for outage in _OUTAGES:
            for lasts, seconds in _LASTS.items():
                fault: dict[str, object] = {"host": name, "is": outage, "until": f"{since_s + seconds}s"}
                if since_s:
                    fault["from"] = f"{since_s}s"
                yield Candidate(point, f"{outage} {lasts}", fault)
