"""Processor time that a piece of work may use."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from collections.abc import Iterator

_AGAIN_S = 0.5  # where the first exception was swallowed


class Overspent(BaseException):
    """Raised in the middle of work that has used its allowance; no ``except Exception`` takes it for its own."""


@contextlib.contextmanager
def allowance(seconds: float) -> Iterator[None]:
    """Raise :class:`Overspent` in what is done here, once it has computed for so many seconds.

    Only in the main thread, which alone hears signals; elsewhere, and with infinite seconds, nothing is bounded.
    """
    if math.isinf(seconds) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(number: int, frame: object) -> None:
        raise Overspent

    before = signal.signal(signal.SIGVTALRM, over)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, _AGAIN_S)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
