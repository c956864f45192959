"""What was red, made small and written down: a scenario for each cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from testbed.explore.first_run import Explored
from testbed.explore.reds import Cause
from testbed.explore.shrink import Play, Shrunk, shrink
from testbed.explore.written import Written, write

MOST_CAUSES = 10


class Smallest(Struct, frozen=True):
    """What became of a cause; ``written`` is None where it was not red again."""

    cause: Cause
    shrunk: Shrunk
    written: Written | None


def smallest(
    found: Sequence[Cause], explored: Explored, play: Play, folder: Path, command: str, over: Callable[[], bool]
) -> list[Smallest]:
    """Make each cause small, the first so many, and write it into the folder in which plays leave traces.

    ``command`` is what people say to find it, ``over`` is asked before each play whether somebody has had enough.
    Raises UsageError or MachineError where files cannot be written.
    """
    made: list[Smallest] = []
    for cause in found:
        faults = [fault.fault for fault in cause.first.faults]
        if over() or len(made) == MOST_CAUSES:
            break
        shrunk = shrink(explored, faults, cause.name, play, over=over)
        written = write(explored, shrunk, play, folder, folder, command) if shrunk.ran is not None else None
        made.append(Smallest(cause, shrunk, written))
    return made
