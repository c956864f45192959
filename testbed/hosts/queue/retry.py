"""When a relay tries again and when it gives up (RFC 5321 §4.5.4.1)."""

from __future__ import annotations

from msgspec import Struct

from testbed.durations import HOUR, SECOND, format_duration

_WARN_WHO_ASKED_NS = 4 * HOUR  # a relay's usual patience, sendmail's for instance


class RetrySchedule(Struct, frozen=True):
    """``intervals_ns`` between attempts, the last repeating; ``give_up_ns`` after arrival.  Scenario time.

    ``warn_after_ns`` is the age at which the sender hears of a delay; None where only who asked for it does.
    """

    intervals_ns: tuple[int, ...]
    give_up_ns: int
    warn_after_ns: int | None = None

    def next_attempt(self, arrived: float, attempts: int, now: float) -> float:
        """When to try again after ``attempts`` earlier ones; the last try falls on the end of the lifetime."""
        interval = self.intervals_ns[min(attempts, len(self.intervals_ns) - 1)] / SECOND
        return min(now + interval, self.end(arrived))

    def end(self, arrived: float) -> float:
        """When a message is given up."""
        return arrived + self.give_up_ns / SECOND

    def late(self, arrived: float, now: float, *, asked: bool) -> bool:
        """Whether a message has waited so long that its sender is told; ``asked`` is NOTIFY=DELAY (RFC 3461 §4.1)."""
        after = self.warn_after_ns if self.warn_after_ns is not None else _WARN_WHO_ASKED_NS if asked else None
        return after is not None and now >= arrived + after / SECOND - 1e-3

    def expired(self, arrived: float, now: float) -> bool:
        """Whether a message has been tried for long enough."""
        return now >= self.end(arrived) - 1e-3

    @property
    def lifetime(self) -> str:
        """The time after which the relay gives up, in words."""
        return format_duration(self.give_up_ns)

    @staticmethod
    def words(seconds: float) -> str:
        """A span of time in words."""
        return format_duration(round(seconds) * SECOND)
