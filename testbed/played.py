"""What became of a scenario that was to be played, before anybody has looked at its trace."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from testbed.scenario.scenario import Scenario


class Played(Struct, frozen=True):
    """A scenario after its lab has ended.

    ``trace`` is None only when nothing was captured.  ``error`` says why the lab could not be run, or how it
    died; ``no_lab`` tells the two apart.  ``cause`` is that in one line, without its place, ``line`` that of the step
    which could not be played, 0 for none.  ``by_program`` tells that a program under test may be why, which the trace
    shows.  ``skipped`` says why it was not played at all.
    """

    scenario: Scenario
    trace: Path | None
    seconds: float
    error: str = ""
    cause: str = ""
    line: int = 0
    no_lab: bool = False
    by_program: bool = False
    interrupted: bool = False
    skipped: str = ""
