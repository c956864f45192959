"""The timer that ends a connection whose client is silent for too long (RFC 5321 §4.5.3.2.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_OFTEN_S = 1.0


class IdleTimer:
    """Calls back once, ``seconds`` after it was last restarted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, idle: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._idle = idle
        self._handle: asyncio.TimerHandle | None = None
        self._kept_off = 0.0

    def restart(self) -> None:
        """Wait anew."""
        self.stop()
        self._handle = self._loop.call_later(self._seconds, self._idle)

    def keep_off(self) -> None:
        """The same for every line of a message: at most once a second, so that a long one costs nothing."""
        now = self._loop.time()
        if now - self._kept_off >= _OFTEN_S:
            self._kept_off = now
            self.restart()

    def stop(self) -> None:
        """Wait no more."""
        if self._handle is not None:
            self._handle.cancel()
