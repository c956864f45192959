"""Where reports for people are printed: colours and width as the terminal has them, plain text elsewhere."""

from __future__ import annotations

import os
import sys
from typing import TextIO, cast

from rich.console import Console
from rich.theme import Theme

from testbed.protocols.text import obeyed_by_none

_PLAIN_WIDTH = 120

THEME = Theme(
    {
        "held": "bold green",
        "failed": "bold red",
        "skipped": "bold yellow",
        "not_judged": "bold blue",
        "error": "bold red",
        "info": "cyan",
        "warning": "yellow",
        "handshake": "blue",
        "transfer": "green",
        "closure": "magenta",
        "phase.handshake": "bold blue",
        "phase.transfer": "bold green",
        "phase.closure": "bold magenta",
        "lost": "red",
        "quiet": "dim",
        "host": "bold",
    }
)


def console(stream: TextIO | None = None) -> Console:
    """A console for ``stream`` (standard output when None).  Markup is off: mail is hostile."""
    stream = stream or sys.stdout
    terminal = stream.isatty()
    width = None if terminal or "COLUMNS" in os.environ else _PLAIN_WIDTH
    file = stream if terminal else cast(TextIO, _Trimmed(stream))
    return Console(file=file, theme=THEME, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


class _Trimmed:
    """A stream without the spaces that tables put at the ends of lines: they are in the way of diff and grep.

    A log of GitHub's obeys nothing in it, wherever a line of strangers' text was folded.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Write whole lines trimmed; rich hands over what it renders in one piece."""
        self._stream.write(obeyed_by_none("\n".join(line.rstrip(" ") for line in text.split("\n"))))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Never a terminal."""
        return False
