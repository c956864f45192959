"""Watches for work that keeps the event loop from everybody else, and says whose it is.

A timer of the kernel counts the processor time of the process, so a busy machine is no fault, and an idle loop costs
nothing.  Each time it goes off, the handle that the loop is working on is looked up on the stack.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from testbed.durations import SECOND
from testbed.net.clock import ScenarioLoop

HELD_NS = 50_000_000
_TICK_S = 0.01
_RUNAWAY_NS = 20 * SECOND
_HANDLE = asyncio.Handle._run.__code__
_INNERMOST = 3


class Runaway(Exception):
    """Raised in the middle of what would never let go of the loop."""


@dataclass(frozen=True, slots=True)
class HeldTurn:
    """One callback, or one step of a task, has run for :data:`HELD_NS` of processor time and still runs.

    ``culprit`` is the function of the task, ``where`` the innermost functions it is in, the last of them last.
    """

    culprit: str
    where: str


@contextlib.contextmanager
def watch(loop: ScenarioLoop, report: Callable[[HeldTurn], None]) -> Iterator[None]:
    """While this is entered, the loop calls ``report`` for each turn that was held, once it is free again.

    What holds it for twenty seconds has :class:`Runaway` raised in it.  Only for the main thread.
    """
    watched: tuple[int, asyncio.Handle] | None = None  # the turn, as readers keep their handle
    since_ns = 0
    told = False

    def tick(number: int, frame: FrameType | None) -> None:
        nonlocal watched, since_ns, told
        handle = _handle(frame)
        now_ns = time.thread_time_ns()
        if handle is None or watched is None or watched[0] != loop.turns or watched[1] is not handle:
            watched = (loop.turns, handle) if handle is not None else None
            since_ns, told = now_ns, False
            return
        if now_ns - since_ns >= HELD_NS and not told:
            told = True
            loop.call_soon_threadsafe(report, _held(frame))
        if now_ns - since_ns >= _RUNAWAY_NS:
            watched = None
            held = _held(frame)
            raise Runaway(f"{held.culprit} holds the lab for more than {_RUNAWAY_NS // SECOND} s, in {held.where}")

    before = signal.signal(signal.SIGPROF, tick)
    signal.setitimer(signal.ITIMER_PROF, _TICK_S, _TICK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _handle(frame: FrameType | None) -> asyncio.Handle | None:
    while frame is not None:
        if frame.f_code is _HANDLE:
            handle = frame.f_locals["self"]
            return handle if isinstance(handle, asyncio.Handle) else None
        frame = frame.f_back
    return None


def _held(frame: FrameType | None) -> HeldTurn:
    names: list[str] = []
    while frame is not None and frame.f_code is not _HANDLE and len(names) < _INNERMOST:
        names.append(f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}:{frame.f_lineno}")
        frame = frame.f_back
    task = asyncio.current_task()
    work = task.get_coro() if task is not None else None
    return HeldTurn(getattr(work, "__qualname__", "a callback"), " > ".join(reversed(names)))
