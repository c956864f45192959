"""Spans of time: the units nanoseconds are counted in, and the words people read."""

from __future__ import annotations

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND), ("ms", MILLISECOND))


def format_duration(ns: int) -> str:
    """In words, the two largest units: ``2 h 30 min``, ``5 d``, ``300 ms``."""
    rest = max(0, ns)
    parts = []
    for word, size in _UNITS:
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number} {word}")
    return " ".join(parts[:2]) or "0 s"


def span(ns: int) -> str:
    """What was measured, to three digits or so: ``0.31 ms``, ``1.20 s``, ``40 min 2 s``, ``5 d 1 h``."""
    if ns < 0:
        return "-" + span(-ns)
    if ns < 10 * MILLISECOND:
        return f"{ns / MILLISECOND:.2f} ms"
    if ns < SECOND:
        return f"{ns / MILLISECOND:.0f} ms"
    if ns < MINUTE:
        return f"{ns / SECOND:.2f} s"
    return format_duration(round(ns / SECOND) * SECOND)


def rough(ns: int) -> str:
    """No more exact than it matters to people who waited: ``1.2 s``, ``30 minutes``."""
    return f"{ns / SECOND:.3g} s" if ns < 100 * SECOND else f"{ns / MINUTE:.0f} minutes"
