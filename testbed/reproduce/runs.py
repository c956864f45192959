"""Which of a row of events a fault happens to: so many from a number on, or those in a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby
from typing import Generic, TypeVar

from msgspec import Struct

from testbed.reproduce.draft import Data
from testbed.reproduce.spans import rounded, written

T = TypeVar("T", bound=Hashable)
Event = TypeVar("Event")


class Run(Struct, Generic[T, Event], frozen=True):
    """Events one after the other that went alike; ``nth`` counts from 1, ``last`` tells that no others follow."""

    value: T
    nth: int
    events: tuple[Event, ...]
    last: bool

    @property
    def when(self) -> Data:
        """How a fault says so."""
        told: Data = {"nth": self.nth} if self.nth > 1 else {}
        return told if self.last else {**told, "times": len(self.events)}


def runs(events: Sequence[Event], value: Callable[[Event], T]) -> Iterator[Run[T, Event]]:
    """The runs of a row of events."""
    at = 0
    for one, group in groupby(events, value):
        members = tuple(group)
        yield Run(one, at + 1, members, at + len(members) == len(events))
        at += len(members)


class Window(Struct, Generic[T], frozen=True):
    """A time in which events went alike, since the capture's beginning; None where it has no border."""

    value: T
    from_ns: int | None
    until_ns: int | None
    frames: tuple[int, ...]

    @property
    def when(self) -> Data:
        """How a fault says so."""
        told: Data = {}
        if self.from_ns is not None:
            told["from"] = written(self.from_ns)
        if self.until_ns is not None:
            told["until"] = written(self.until_ns)
        return told


def windows(events: Sequence[tuple[int, T, tuple[int, ...]]]) -> Iterator[Window[T]]:
    """Times with borders half way between events that went otherwise; each event is a time, a value and frames."""
    found = list(runs(events, lambda event: event[1]))
    for place, run in enumerate(found):
        before = found[place - 1].events[-1][0] if place else None
        after = found[place + 1].events[0][0] if place + 1 < len(found) else None
        start, end = run.events[0][0], run.events[-1][0]
        yield Window(
            run.value,
            None if before is None else _between(before, start),
            None if after is None else _between(end, after),
            tuple(frame for event in run.events for frame in event[2]),
        )


def _between(earlier: int, later: int) -> int:
    """A round time between two, nearer to the later one where there is much room."""
    middle = earlier + (later - earlier) // 2
    round_one = rounded(middle)
    return round_one if earlier < round_one < later else middle
