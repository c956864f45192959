"""Filters of the templates: values in the words every report uses."""

from __future__ import annotations

from collections.abc import Callable

from testbed.durations import span
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.clock import elapsed
from testbed.report.words import octets

_MARKS = {"error": "✗", "warning": "▲", "info": "•", "failed": "✗", "held": "✓", "skipped": "–", "unknown": "?"}


def _lines(text: str) -> str:
    """Text of several lines: each safe to show, their ends kept."""
    return "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))


def _mark(word: str) -> str:
    """The sign of a severity or a result, the same as in a terminal."""
    return _MARKS.get(word, "")


FILTERS: dict[str, Callable[..., str]] = {
    "count": count,
    "elapsed": elapsed,
    "lines": _lines,
    "mark": _mark,
    "octets": octets,
    "printable": printable,
    "span": span,
}
