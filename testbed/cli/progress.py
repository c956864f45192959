"""What a run shows while it goes on: a live line on a terminal, a line per scenario elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.text import Text

from testbed.outcome import Outcome
from testbed.protocols.text import printable
from testbed.report.verdicts import outcome
from testbed.scenario.scenario import Scenario

_REFRESH_S = 0.1


class Progress:
    """Prints ``results`` as they come; keeps a status line below them on a terminal.

    No threads (labs are forked from this process): the runner calls :meth:`tick`.
    """

    def __init__(self, console: Console, total: int, *, whole: bool, quiet: bool, results: bool = True) -> None:
        self._console = console
        self._total = total
        self._whole = whole
        self._results = results and not quiet
        self._live = console.is_terminal and not quiet
        self._ended = 0
        self._doing: dict[tuple[str, str], str] = {}
        self._refreshed = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._erase()

    def say(self, scenario: Scenario, line: str) -> None:
        """A lab says what it does."""
        self._doing[scenario.file, scenario.case] = printable(f"{scenario.title}: {line}")
        self.tick()

    def tick(self) -> None:
        """Redraw the status line, at most ten times a second."""
        now = time.monotonic()
        if not self._live or now - self._refreshed < _REFRESH_S:
            return
        self._refreshed = now
        doing = " · ".join(self._doing.values())
        status = Text(f"{self._ended}/{self._total} {doing}", "quiet", no_wrap=True, overflow="ellipsis")
        status.truncate(self._console.width - 1, overflow="ellipsis")
        self._erase()
        self._console.print(status, end="")

    def ended(self, result: Outcome) -> None:
        """A scenario has been judged."""
        self._ended += 1
        self._doing.pop((result.scenario.file, result.scenario.case), None)
        if not self._results:
            return
        self._erase()
        self._console.print(outcome(result, whole=self._whole), crop=False)  # commands to copy stay whole

    def _erase(self) -> None:
        if self._live:
            self._console.file.write("\r\033[2K")
            self._console.file.flush()
