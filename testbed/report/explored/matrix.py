"""Fault by point: which letter stands where, for one player or several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from testbed.explore.candidate import Point
from testbed.explore.exploration import Found
from testbed.explore.ran import Came

KINDS = {
    "dialogue": "said and done in the dialogue",
    "reading": "said and done to readers",
    "crash": "programs that die",
    "zone": "answers of the name server",
    "tls": "TLS",
    "policy": "where policies are fetched",
    "host": "outages",
    "room": "room in mailboxes",
    "clock": "in time, and too late",
    "wire": "packets on the wire",
}
"""Kinds of faults, in the order in which they are shown."""


class Matrix(Struct, frozen=True):
    """The single faults of a kind: ``cells`` have what each player's run came to, None where nobody tried."""

    kind: str
    points: tuple[Point, ...]
    deeds: tuple[str, ...]
    cells: Mapping[tuple[Point, str], tuple[Came | None, ...]]


def matrices(found: Sequence[Found]) -> list[Matrix]:
    """A matrix for each kind of fault that was tried; ``found`` are explorations of one scenario, a player each."""
    return [made for kind in KINDS if (made := _matrix(kind, found)).points]


def _matrix(kind: str, found: Sequence[Found]) -> Matrix:
    points: dict[Point, None] = {}
    deeds: dict[str, None] = {}
    cells: dict[tuple[Point, str], list[Came | None]] = {}
    for place, one in enumerate(found):
        for candidate in one.candidates:
            if candidate.point.kind == kind:
                points.setdefault(candidate.point)
                deeds.setdefault(candidate.deed)
        for tried in one.singles:
            [candidate] = tried.faults
            if candidate.point.kind == kind:
                cell = cells.setdefault((candidate.point, candidate.deed), [None] * len(found))
                cell[place] = tried.ran.came
    told = {place: tuple(cell) for place, cell in cells.items()}
    return Matrix(kind, tuple(points), tuple(deeds), told)
