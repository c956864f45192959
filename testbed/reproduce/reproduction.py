"""A scenario made of a capture, and how far it went when it was played."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from msgspec import Struct

from testbed.protocols.text import printable
from testbed.reproduce.alike import Account, Difference
from testbed.reproduce.composed import Way
from testbed.reproduce.draft import Draft
from testbed.reproduce.written import written
from testbed.scenario.load import parse
from testbed.scenario.scenario import Scenario


class Attempt(Struct, frozen=True):
    """A scenario made from a capture.  ``told`` is what the capture tells."""

    way: Way
    draft: Draft
    text: str
    scenario: Scenario
    told: Account
    source: str

    def without(self, faults: Collection[int]) -> Attempt:
        """The same without some of its faults, by their places.  Raises ScenarioError."""
        kept = [part for place, part in enumerate(self.draft.faults) if place not in faults]
        return attempt(self.way, replace(self.draft, faults=kept), self.told, self.source)


def attempt(way: Way, draft: Draft, told: Account, source: str) -> Attempt:
    """An attempt from its draft.  Raises ScenarioError for one that is no scenario."""
    text = written(draft, printable(source))
    return Attempt(way, draft, text, parse(text, "scenario.yaml"), told, source)


class Reproduction(Struct, frozen=True):
    """An attempt that was played: what differs then from the capture, and what of the scenario did not hold.

    ``idle`` are the places of faults that changed nothing or never struck.
    """

    attempt: Attempt
    differences: tuple[Difference, ...]
    red: tuple[str, ...]
    idle: tuple[int, ...] = ()

    @property
    def same(self) -> bool:
        """Whether it tells the same as the capture, and is green."""
        return not self.differences and not self.red

    @property
    def distance(self) -> tuple[int, int]:
        """How far it is from the capture."""
        return len(self.differences), len(self.red)
