"""What was learnt of one server of a lab."""

from __future__ import annotations

from itertools import combinations

from msgspec import Struct

from testbed.learn.comparison import Difference, differences
from testbed.learn.learnt import Learnt
from testbed.learn.machine import Machine


class Portrait(Struct, frozen=True):
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


class Pair(Struct, frozen=True):
    """Two servers, and where they differ."""

    one: Portrait
    other: Portrait
    differences: tuple[Difference, ...]


def pairs(portraits: tuple[Portrait, ...]) -> tuple[Pair, ...]:
    """Every two of them."""
    return tuple(Pair(one, other, differences(one.machine, other.machine)) for one, other in combinations(portraits, 2))
