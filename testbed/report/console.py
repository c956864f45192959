"""Where reports for people are printed: colours and width as the terminal has them, plain text elsewhere."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console
from rich.theme import Theme

_PLAIN_WIDTH = 120

_THEME = Theme(
    {
        "held": "bold green",
        "failed": "bold red",
        "skipped": "bold yellow",
        "error": "bold red",
        "info": "cyan",
        "warning": "yellow",
        "handshake": "blue",
        "transfer": "green",
        "closure": "magenta",
        "lost": "red",
        "quiet": "dim",
        "host": "bold",
    }
)


def console(stream: TextIO | None = None) -> Console:
    """A console for ``stream`` (standard output when None).  Markup is off: mail is hostile."""
    stream = stream or sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH
    return Console(file=stream, theme=_THEME, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)
