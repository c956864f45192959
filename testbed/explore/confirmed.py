"""What was shrunk, played a few times more: how often it is red, and the trace of a run that is."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from testbed.errors import not_written
from testbed.explore.cause import breach_of
from testbed.explore.ran import Breach, Order, Ran
from testbed.explore.shrink import Play, Shrunk

TIMES = 3


class Confirmed(Struct, frozen=True):
    """Red in so many runs ``of`` several.  ``breach`` is that of the run whose trace was kept; None for no such run."""

    red: int
    of: int
    breach: Breach | None

    def __str__(self) -> str:
        return f"red {self.red} of {self.of}"


def confirm(shrunk: Shrunk, play: Play, kept: Path, trace: Path, times: int = TIMES) -> Confirmed:
    """Play it so often; ``kept`` is where the players leave traces, ``trace`` the file that one of a red run becomes.

    Raises MachineError where that cannot be written.
    """
    names = [f"{trace.stem}.{number + 1}.pcapng" for number in range(times)]
    variant = shrunk.variant
    orders = [Order(number, variant.faults, name, variant.data) for number, name in enumerate(names)]
    try:
        red = sorted(_red(play(iter(orders)), shrunk.cause), key=lambda one: one[0])
        if red:
            _move(kept / names[red[0][0]], trace)
    finally:
        for name in names:
            with contextlib.suppress(OSError):
                (kept / name).unlink()
    return Confirmed(len(red), times, red[0][1] if red else None)


def _red(runs: Iterator[Ran | None], wanted: str) -> Iterator[tuple[int, Breach]]:
    for ran in runs:
        if ran is not None and (breach := breach_of(ran, wanted)) is not None:
            yield ran.number, breach


def _move(file: Path, to: Path) -> None:
    try:
        shutil.move(os.fspath(file), os.fspath(to))
    except OSError as error:
        raise not_written(f"{to}: the trace cannot be written", error) from None
