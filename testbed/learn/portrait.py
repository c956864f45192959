"""What was learnt of one server of a lab."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from testbed.learn.comparison import Difference, differences
from testbed.learn.learnt import Learnt
from testbed.learn.machine import Machine


@dataclass(frozen=True, slots=True)
class Portrait:
    """``player`` is who plays the host, ``title`` that for people; ``learnt`` took ``seconds`` of real time."""

    host: str
    protocol: str
    player: str
    title: str
    learnt: Learnt
    seconds: float

    @property
    def machine(self) -> Machine:
        """Its state machine."""
        return self.learnt.machine


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers, and where they differ."""

    one: Portrait
    other: Portrait
    differences: tuple[Difference, ...]


def pairs(portraits: tuple[Portrait, ...]) -> tuple[Pair, ...]:
    """Every two of them."""
    return tuple(Pair(one, other, differences(one.machine, other.machine)) for one, other in combinations(portraits, 2))
