"""Work shared among processes, its output in the order of the work."""

from __future__ import annotations

import io
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_AHEAD = 2  # results per process that may wait for those before them

_work: Callable[[object], object]


def in_order(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> Iterator[Result]:
    """The results of ``work`` on each piece, in order; forked processes, one per core, do it where that can help."""
    jobs = min(os.cpu_count() or 1, len(pieces))
    if jobs < 2:
        yield from map(work, pieces)
        return
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing import get_context

    global _work
    _work = cast(
        Callable[[object], object], work
    )  # forked processes inherit it: neither it nor what it refers to is copied
    waiting: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        for piece in pieces:
            waiting.append(cast("Future[Result]", pool.submit(_in_child, piece)))
            if len(waiting) > jobs * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _in_child(piece: object) -> object:
    return _work(piece)


class BufferedOutput(io.StringIO):
    """Stands in for standard output, and looks like it: what is written on it can be printed there later."""

    def __init__(self) -> None:
        super().__init__(newline="")
        self._terminal = sys.stdout.isatty()

    def isatty(self) -> bool:
        """Whether standard output is a terminal."""
        return self._terminal
