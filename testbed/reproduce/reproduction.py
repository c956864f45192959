"""A scenario made of a capture, and how far it went when it was played."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.reproduce.alike import Account, Difference
from testbed.reproduce.composed import Way
from testbed.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Attempt:
    """A scenario made from a capture.  ``told`` is what the capture tells, ``unstaged`` what cannot be played of it."""

    way: Way
    text: str
    scenario: Scenario
    told: Account
    unstaged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """An attempt that was played: what differs then from the capture, and what of the scenario did not hold."""

    attempt: Attempt
    differences: tuple[Difference, ...]
    red: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether it tells the same as the capture, and is green."""
        return not self.differences and not self.red
