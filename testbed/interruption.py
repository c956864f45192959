"""What a program is told to end by: Ctrl-C, SIGTERM, SIGHUP."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_S = 0.2  # ``timeout`` tells its child and then the child's whole group: that is one signal

TIME_IS_UP = signal.SIGALRM
"""Tells a lab to end because it has used up its time."""


class Interruption:
    """Hears of the signals while it is entered.  The first is told to whoever listens; a second ends the process.

    ``number`` is that of the first, 0 before.  Where Ctrl-C means something else to the user, it is not heeded; SIGHUP
    is not where it was ignored before (``nohup``).
    """

    def __init__(self, *, heeds_ctrl_c: bool = True) -> None:
        self.number = 0
        self._heeds_ctrl_c = heeds_ctrl_c
        self._listens: Callable[[], None] = lambda: None
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}
        self._heard = 0.0

    def listen(self, listens: Callable[[], None]) -> None:
        """Have this called at the first signal, also where it has come already."""
        self._listens = listens
        if self.number:
            listens()

    def __enter__(self) -> Interruption:
        for number in SIGNALS:
            before = signal.getsignal(number)
            if number is signal.SIGHUP and before is signal.SIG_IGN:
                continue
            heeded = self._heeds_ctrl_c or number is not signal.SIGINT
            self._before[number] = before
            signal.signal(number, self._hear if heeded else signal.SIG_IGN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            if before is not None:  # one that was not set in Python cannot be set again
                signal.signal(number, before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.number:
            self.number, self._heard = number, now
            self._listens()
        elif now - self._heard > _ONE_S:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
