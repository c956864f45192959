"""Times as people write them: half an hour, and not 1800.02 s."""

from __future__ import annotations

from testbed.durations import DAY, HOUR, MINUTE, SECOND

_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"))
_ROUND = (DAY, HOUR, 10 * MINUTE, 5 * MINUTE, MINUTE, 10 * SECOND, SECOND)


def rounded(ns: int) -> int:
    """The roundest time near this one: within 2 s or 1 %, whichever is less, and at least a second's tenth."""
    near = min(2 * SECOND, ns // 100)
    for unit in _ROUND:
        close = round(ns / unit) * unit
        if close and abs(close - ns) <= max(near, SECOND // 2 if ns > 20 * SECOND else SECOND // 20):
            return close
    return ns


def roughly(ns: int) -> int:
    """A time between two tries: whole minutes where it is within 2 % and 20 s of them."""
    close = round(ns / MINUTE) * MINUTE
    return close if close and abs(close - ns) <= min(20 * SECOND, ns // 50) else rounded(ns)


def written(ns: int) -> str:
    """``1h 30m``, ``5s``, ``250ms``; what is smaller than a second in milliseconds."""
    if ns < SECOND:
        return f"{max(1, round(ns / 1_000_000))}ms"
    rest, words = ns, []
    for size, unit in _UNITS[:-1]:
        number, rest = divmod(rest, size)
        words += [f"{number}{unit}"] if number else []
    seconds = round(rest / SECOND, 1 if ns < MINUTE else 0)
    words += [f"{seconds:g}s"] if seconds else []
    return " ".join(words)
