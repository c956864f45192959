"""Long columns worked on in parts, by all cores: while NumPy computes on one part, another thread runs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")

_ROWS = 1 << 15  # what is computed of so many in between stays in the processor's cache
_WORTH_SHARING = 4  # parts from which on threads are quicker than none


def cores() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0))


def parts(count: int, size: int = _ROWS) -> list[slice]:
    """A column of ``count`` rows in parts of ``size``."""
    return [slice(at, min(at + size, count)) for at in range(0, count, size)]


def in_threads(work: Callable[[Part], Result], items: Sequence[Part]) -> Iterator[Result]:
    """What ``work`` gives for every item, in order; what it changes must be its own item's."""
    if len(items) < _WORTH_SHARING or cores() < 2:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    _give_back()
    with ThreadPoolExecutor(cores()) as pool:
        yield from pool.map(work, items)
    _give_back()


def _give_back() -> None:
    """Gives the system the memory that was freed but is kept in heaps, where the C library (glibc) can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
