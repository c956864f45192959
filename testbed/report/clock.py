"""Times of day, as people compare them with what a log says."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from testbed.durations import DAY, HOUR, MILLISECOND, MINUTE, SECOND, span


class Clock(Struct, frozen=True):
    """Tells times of day of this machine's zone, or of UTC.  What no calendar has is told in seconds since 1970."""

    utc: bool = False

    def time(self, ns: int) -> str:
        """``21:36:47.172``."""
        moment = self._moment(ns)
        return f"{ns // SECOND} s" if moment is None else f"{moment:%H:%M:%S}.{ns % SECOND // MILLISECOND:03}"

    def exact(self, ns: int) -> str:
        """``21:36:47.172113``, as far as most captures go."""
        moment = self._moment(ns)
        return f"{ns / SECOND:.6f} s" if moment is None else f"{moment:%H:%M:%S}.{ns % SECOND // 1000:06}"

    def day(self, ns: int) -> str:
        """``2026-11-12``, ``""`` for one no calendar has."""
        moment = self._moment(ns)
        return "" if moment is None else f"{moment:%Y-%m-%d}"

    def zone(self, ns: int) -> str:
        """What the zone is called at that time: ``CET``."""
        moment = self._moment(ns)
        return "" if moment is None else moment.tzname() or ""

    def dated(self, ns: int) -> str:
        """``2026-11-12 21:36:47.172``."""
        return f"{self.day(ns)} {self.time(ns)}".strip()

    def extent(self, start_ns: int, end_ns: int) -> str:
        """``2026-11-12 21:36:47.172 to 23:16:49.320 CET``; the date of the end where it is another day."""
        end = self.time(end_ns) if self.day(start_ns) == self.day(end_ns) else self.dated(end_ns)
        return f"{self.dated(start_ns)} to {end} {self.zone(end_ns)}".strip()

    def _moment(self, ns: int) -> datetime | None:
        try:
            moment = datetime.fromtimestamp(ns // SECOND, UTC)
            return moment if self.utc else moment.astimezone()
        except (ValueError, OverflowError, OSError):
            return None


LOCAL = Clock()


def elapsed(ns: int) -> str:
    """How long after something else: ``0.31 ms``, ``1.20 s``, ``1 h 6 min 5 s``, ``2 d 3 h 6 min``."""
    seconds = round(ns / SECOND)
    if seconds * SECOND < MINUTE:
        return span(ns)
    words: list[str] = []
    rest = seconds * SECOND
    for word, size in (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND)):
        number, rest = divmod(rest, size)
        words += [f"{number} {word}"] if number or words else []
    return " ".join(words[:3])
