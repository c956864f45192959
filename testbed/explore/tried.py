"""Faults that were tried together, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.explore.candidate import Candidate
from testbed.explore.ran import Ran

Faults = tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A run of the exploration."""

    faults: Faults
    ran: Ran
