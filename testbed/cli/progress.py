"""What a run shows while it goes on: a live line on a terminal, and the results as they come."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.text import Text

from testbed.outcome import Outcome
from testbed.protocols.text import printable
from testbed.report.what_failed import red
from testbed.scenario.scenario import Scenario

_REFRESH_S = 0.1


class Progress:
    """Has each result told; keeps a status line below them on a terminal.

    No threads (labs are forked from this process): the runner calls :meth:`tick`.
    """

    def __init__(self, console: Console, total: int, tell: Callable[[Outcome], None] | None = None) -> None:
        self._console = console
        self._total = total
        self._tell = tell
        self._live = console.is_terminal
        self._ended, self._red = 0, 0
        self._doing: dict[tuple[str, str], str] = {}
        self._refreshed = 0.0

    def __enter__(self) -> Progress:
        self.tick()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        erase(self._console)

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
        status = Text(f"{self._ended}/{self._total} ", "quiet", no_wrap=True, overflow="ellipsis")
        status.append(f"{self._red} red " if self._red else "", "failed")
        status.append(" · ".join(self._doing.values()))
        write_over(self._console, status)

    def ended(self, result: Outcome) -> None:
        """A scenario has been judged."""
        self._ended += 1
        self._red += red(result)
        self._doing.pop((result.scenario.file, result.scenario.case), None)
        if self._tell is not None:
            erase(self._console)
            self._tell(result)


def write_over(console: Console, status: Text) -> None:
    """A line that the next thing on a terminal takes the place of; nothing elsewhere."""
    if console.is_terminal:
        erase(console)
        status.truncate(console.width - 1, overflow="ellipsis")
        console.print(status, end="")
        console.file.flush()


def erase(console: Console) -> None:
    """Take such a line away."""
    if console.is_terminal:
        console.file.write("\r\033[2K")
        console.file.flush()
