"""Watches for work that keeps the event loop from everybody else, and says whose it is.

A timer of the kernel counts the processor time of the process, so a busy machine is no fault, and an idle loop costs
nothing.  Each time it goes off, what the loop is working on is looked up on the stack.  The time of garbage collection
does not count: it is no fault of whatever it strikes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

from msgspec import Struct

from testbed.durations import SECOND

HELD_NS = 50_000_000
_TICK_S = 0.01
_SLOW_TICK_S = 0.1  # of a turn that was told of: asyncio has room for some hundred signals while it does not look
_INNERMOST = 3


class Runaway(Exception):
    """Raised in the middle of what would never let go of the loop."""


class HeldTurn(Struct, frozen=True):
    """One callback, or one step of a task, has run for :data:`HELD_NS` of processor time and still runs.

    ``culprit`` is the function of the task, ``where`` the innermost functions it is in, the last of them last.
    """

    culprit: str
    where: str


@contextlib.contextmanager
def watch(
    loop: asyncio.AbstractEventLoop, report: Callable[[HeldTurn], None], runaway_ns: int = 20 * SECOND
) -> Iterator[None]:
    """While this is entered, the loop calls ``report`` for each turn that was held, once it is free again.

    What holds it for ``runaway_ns`` has :class:`Runaway` raised in it.  Only for the main thread.
    """
    watched: FrameType | None = None
    since_ns = 0
    told = False
    working = _WorkingTime()

    def tick(number: int, frame: FrameType | None) -> None:
        nonlocal watched, since_ns, told
        turn = _turn(frame)
        now_ns = working.ns()
        if turn is None or turn is not watched:
            if told:
                signal.setitimer(signal.ITIMER_PROF, _TICK_S, _TICK_S)
            watched, since_ns, told = turn, now_ns, False
            return
        if now_ns - since_ns >= HELD_NS and not told:
            told = True
            signal.setitimer(signal.ITIMER_PROF, _SLOW_TICK_S, _SLOW_TICK_S)
            loop.call_soon_threadsafe(report, _held(frame))
        if now_ns - since_ns >= runaway_ns:
            watched = None
            held = _held(frame)
            raise Runaway(f"{held.culprit} holds the lab for more than {runaway_ns / SECOND:g} s, in {held.where}")

    before = signal.signal(signal.SIGPROF, tick)
    signal.setitimer(signal.ITIMER_PROF, _TICK_S, _TICK_S)
    gc.callbacks.append(working.collecting)
    try:
        yield
    finally:
        gc.callbacks.remove(working.collecting)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class _WorkingTime:
    """The processor time of one thread, without what collecting garbage took since this was made."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._collected_ns = 0
        self._collecting_since_ns: int | None = None

    def ns(self) -> int:
        """So far; it stands still in the middle of a collection, where destructors and weak references run."""
        since_ns = self._collecting_since_ns
        return (time.thread_time_ns() if since_ns is None else since_ns) - self._collected_ns

    def collecting(self, phase: str, _: Mapping[str, int]) -> None:
        """A collection starts or stops: for :data:`gc.callbacks`."""
        if threading.get_ident() != self._thread:
            return
        if phase == "start":
            self._collecting_since_ns = time.thread_time_ns()
        elif self._collecting_since_ns is not None:
            self._collected_ns += time.thread_time_ns() - self._collecting_since_ns
            self._collecting_since_ns = None


def _turn(frame: FrameType | None) -> FrameType | None:
    """The frame in which the loop calls whatever runs now; another for each call."""
    while frame is not None and not _is_call_of_loop(frame):
        frame = frame.f_back
    return frame


def _is_call_of_loop(frame: FrameType) -> bool:
    return frame.f_code.co_name == "_run" and frame.f_code.co_filename == asyncio.events.__file__


def _held(frame: FrameType | None) -> HeldTurn:
    names: list[str] = []
    while frame is not None and not _is_call_of_loop(frame) and len(names) < _INNERMOST:
        names.append(f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}:{frame.f_lineno}")
        frame = frame.f_back
    task = asyncio.current_task()
    work = task.get_coro() if task is not None else None
    return HeldTurn(getattr(work, "__qualname__", "a callback"), " > ".join(reversed(names)))
