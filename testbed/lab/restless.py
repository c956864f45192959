"""Programs that look around all the time: the clock has no hours to jump over, and days of scenario time are dear."""

from __future__ import annotations

import time

from testbed.net.clock import ScenarioLoop

_JUMPS = 500  # before which nobody is called restless
_AVERAGE_S = 10.0  # that a jump reaches at most, where programs are


class Restlessness:
    """Counts the jumps of a clock from now on, until it is closed."""

    def __init__(self, loop: ScenarioLoop) -> None:
        self._loop = loop
        self._jumps = 0
        self._began_s, self._began_real_s = loop.time(), time.monotonic()
        loop.before_jump.append(self._jumped)

    def close(self) -> None:
        """Count no more."""
        self._loop.before_jump.remove(self._jumped)

    def has_cost(self, real_s: float) -> bool:
        """Whether programs are restless, and so many seconds of real time have gone by with that."""
        is_restless = self._jumps >= _JUMPS and self._loop.time() - self._began_s < _AVERAGE_S * self._jumps
        return is_restless and time.monotonic() - self._began_real_s >= real_s

    def _jumped(self) -> None:
        self._jumps += 1
