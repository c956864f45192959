"""Processes that end with the one that started them, however it ends."""

from __future__ import annotations

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # loaded before any fork


def die_with_parent(by: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent has ended (prctl(2)).

    A parent that ended before this call is not noticed: compare ``os.getppid()`` afterwards.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, by)
