"""Filters of the templates: values in the words every report uses."""

from __future__ import annotations

from collections.abc import Callable

from testbed.durations import span
from testbed.plural import count
from testbed.protocols.text import printable, printable_lines
from testbed.report.words import followed, octets

_MARKS = {"error": "✗", "warning": "▲", "info": "•", "failed": "✗", "held": "✓", "skipped": "–", "unknown": "?"}


def _mark(word: str) -> str:
    """The sign of a severity or a result, the same as in a terminal."""
    return _MARKS.get(word, "")


FILTERS: dict[str, Callable[..., str]] = {
    "count": count,
    "followed": followed,
    "lines": printable_lines,
    "mark": _mark,
    "octets": octets,
    "printable": printable,
    "span": span,
}
