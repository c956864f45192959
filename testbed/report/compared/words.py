"""How a comparison is told: times as people say them."""

from __future__ import annotations

from testbed.durations import MINUTE, SECOND, format_duration
from testbed.report.compared.comparison import Cell

_MOST_TIMES = 8


def times(cell: Cell) -> str:
    """When a player has tried, where that was more than once: ``at 0 s, 5 min, 15 min``."""
    if len(cell.attempts_s) < 2:
        return ""
    told = [_rounded(round(seconds * SECOND)) for seconds in cell.attempts_s[:_MOST_TIMES]]
    more = ", …" if len(cell.attempts_s) > _MOST_TIMES else ""
    return f"at {', '.join(told)}{more}"


def _rounded(ns: int) -> str:
    unit = SECOND if ns < MINUTE else MINUTE
    return format_duration(round(ns / unit) * unit)
