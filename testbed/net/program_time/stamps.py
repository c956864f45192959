"""When the kernel stamps files: to the tick, so that what was written before a jump may seem written after it.

Since Linux 6.13 a file that was looked at and then changed is stamped exactly, and no file after it is stamped earlier
(multigrain timestamps).  Before, only the next tick tells the two apart.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_CLOCK_REALTIME_COARSE = 5  # linux/time.h
_TICK_S = 0.001


class Stamps:
    """Tells what was stamped before from what is stamped after, by a file of its own."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def later_ones_are_after(self, *, exactly: bool) -> int:
        """A date, nanoseconds since the epoch, that no file is stamped before from now on.

        Files stamped up to now are stamped before it; where the kernel counts in ticks, only if it is to be ``exactly``
        so, which may take a tick.
        """
        ticks = time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)
        os.pwrite(self._file, b".", 0)
        os.fstat(self._file)
        os.pwrite(self._file, b".", 0)
        stamp = os.fstat(self._file).st_mtime_ns
        if stamp > time.clock_gettime_ns(_CLOCK_REALTIME_COARSE) or not exactly:
            return stamp
        while (now := time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)) == ticks:
            time.sleep(_TICK_S)
        return now
