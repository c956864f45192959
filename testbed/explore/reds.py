"""Red runs by their causes: those of one cause are one row."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from testbed.explore.cause import breach_of, causes
from testbed.explore.ran import Breach
from testbed.explore.tried import Tried


class Cause(Struct, frozen=True):
    """What was broken in so many ``runs``; ``first`` is the one with the fewest faults, and ``breach`` is of that."""

    name: str
    first: Tried
    breach: Breach
    runs: int


def by_cause(red: Iterable[Tried]) -> list[Cause]:
    """Each cause once, those with the fewest faults first."""
    found: dict[str, list[Tried]] = {}
    for tried in sorted(red, key=lambda one: len(one.faults)):
        for name in causes(tried.ran):
            found.setdefault(name, []).append(tried)
    rows = [(name, runs, breach_of(runs[0].ran, name)) for name, runs in found.items()]
    return [Cause(name, runs[0], breach, len(runs)) for name, runs, breach in rows if breach is not None]
