"""A scenario while it is put together: its parts, each with the frames that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import Struct

Data = dict[str, object]


class Part(Struct, frozen=True):
    """A fault, a step or an expectation, as data; ``frames`` are those of the capture that show it.

    ``at_ns`` is when it happens, since the capture's beginning; steps are put in that order.
    """

    data: Data
    frames: tuple[int, ...] = ()
    at_ns: int = 0
    note: str = ""


@dataclass(slots=True)
class Draft:
    """``assumed`` says in sentences what the capture does not show, ``unstaged`` what cannot be played."""

    title: str = ""
    settings: Data = field(default_factory=dict)
    hosts: dict[str, Data] = field(default_factory=dict)
    faults: list[Part] = field(default_factory=list)
    steps: list[Part] = field(default_factory=list)
    expect: list[Part] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    unstaged: list[str] = field(default_factory=list)

    def host(self, name: str) -> Data:
        """What is said of a host, to be added to."""
        return self.hosts.setdefault(name, {})

    @property
    def data(self) -> Data:
        """The scenario as data."""
        told: Data = {"title": self.title, **self.settings}
        if self.hosts:
            told["hosts"] = dict(self.hosts)
        for key, parts in (("faults", self.faults), ("steps", self.steps), ("expect", self.expect)):
            if parts:
                told[key] = [part.data for part in parts]
        return told


def cited(frames: Sequence[int]) -> str:
    """``frame 92``, ``frames 92, 97 and 3 more``; nothing for none."""
    few, more = list(dict.fromkeys(frames))[:3], len(set(frames)) - 3
    if not few:
        return ""
    rest = f" and {more} more" if more > 0 else ""
    return f"frame{'s' if len(few) > 1 else ''} {', '.join(map(str, few))}{rest}"
