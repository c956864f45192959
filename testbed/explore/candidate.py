"""What can go wrong where: a fault that can be tried."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

FaultData = Mapping[str, object]
"""A fault as a scenario writes it."""


@dataclass(frozen=True, slots=True)
class Point:
    """An event of a run that a fault can strike: the ``nth`` of its kind, counted from 1.

    ``kind`` is the kind of fault, ``what`` the event: ``someschool.edu RCPT``.  ``rank`` is how promising it is to try
    something there: 0 at the very promise, the 250 behind the final dot, and more with the distance from it.
    """

    kind: str
    what: str
    nth: int = 1
    rank: int = field(default=9, compare=False)

    def __str__(self) -> str:
        return self.what if self.nth == 1 else f"{self.what} #{self.nth}"


@dataclass(frozen=True)
class Candidate:
    """A deed that fits a point: ``deed`` in a word or two, ``fault`` as a scenario writes it."""

    point: Point
    deed: str
    fault: FaultData = field(compare=False)

    @cached_property
    def key(self) -> str:
        """The same for the same fault, in every run on every machine."""
        return json.dumps(self.fault, sort_keys=True, ensure_ascii=False)

    def __str__(self) -> str:
        return f"{self.point}: {self.deed}"
