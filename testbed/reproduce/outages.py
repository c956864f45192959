"""Hosts that could not be reached: refused, silent, unreachable, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from testbed.reproduce.draft import Part
from testbed.reproduce.runs import windows
from testbed.reproduce.visits import Visit
from testbed.trace.model.connection import Handshake

_IS = {
    Handshake.REFUSED: "refused",
    Handshake.UNANSWERED: "silent",
    Handshake.UNREACHABLE: "unreachable",
}


def outages(visits: Iterable[Visit]) -> Iterator[Part]:
    """Faults of hosts, as connections to them opened or did not."""
    tried: dict[str, list[tuple[int, str, tuple[int, ...]]]] = defaultdict(list)
    for visit in visits:
        is_ = _IS.get(visit.connection.opening.handshake, "")
        tried[visit.server.name].append((visit.start_ns, is_, visit.frames))
    for server, events in tried.items():
        for window in windows(events):
            if window.value:
                yield Part({"host": server, "is": window.value, **window.when}, window.frames, window.from_ns or 0)
