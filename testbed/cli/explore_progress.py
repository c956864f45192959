"""How far an exploration is, in a line that is written again and again on a terminal."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.text import Text

from testbed.explore.exploration import Tally
from testbed.explore.ran import Came
from testbed.protocols.text import printable
from testbed.scenario.scenario import Scenario

_REFRESH_S = 0.2


class ExploreProgress:
    """Shows the phase, how many of its runs are over, and how many were red."""

    def __init__(self, out: Console, *, quiet: bool) -> None:
        self._out = out
        self._live = out.is_terminal and not quiet
        self._what = ""
        self._written_s = 0.0

    def __enter__(self) -> ExploreProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.erase()

    def begins(self, scenario: Scenario, player: str) -> None:
        """An exploration begins."""
        self._what = printable(scenario.title + (f", {player}" if player else ""))

    def told(self, tally: Tally) -> None:
        """A run is over, or time has passed."""
        now = time.monotonic()
        if not self._live or now - self._written_s < _REFRESH_S:
            return
        self._written_s = now
        over, red = sum(tally.came.values()), tally.came[Came.RED]
        words = f"{self._what}: {tally.name} {over:,}/{over + tally.not_tried:,}" + (f", {red:,} red" if red else "")
        status = Text(words, "quiet", no_wrap=True, overflow="ellipsis")
        status.truncate(self._out.width - 1, overflow="ellipsis")
        self.erase()
        self._out.print(status, end="")

    def erase(self) -> None:
        """Take the line away."""
        if self._live:
            self._out.file.write("\r\x1b[2K")
            self._out.file.flush()
