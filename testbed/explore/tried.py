"""Faults that were tried together, and what came of it."""

from __future__ import annotations

from msgspec import Struct

from testbed.explore.candidate import Candidate
from testbed.explore.ran import Ran

Faults = tuple[Candidate, ...]


class Tried(Struct, frozen=True):
    """A run of the exploration."""

    faults: Faults
    ran: Ran
