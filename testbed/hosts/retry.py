"""When a relay tries again and when it gives up (RFC 5321 §4.5.4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.scenario.units import format_duration

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """``intervals_ns`` between attempts, the last repeating; ``give_up_ns`` after arrival.  Scenario time."""

    intervals_ns: tuple[int, ...]
    give_up_ns: int

    def next_attempt(self, arrived: float, attempts: int, now: float) -> float:
        """When to try again after ``attempts`` earlier ones; the last try falls on the end of the lifetime."""
        interval = self.intervals_ns[min(attempts, len(self.intervals_ns) - 1)] / _NS
        return min(now + interval, arrived + self.give_up_ns / _NS)

    def expired(self, arrived: float, now: float) -> bool:
        """Whether a message has been tried for long enough."""
        return now >= arrived + self.give_up_ns / _NS - 1e-3

    @property
    def lifetime(self) -> str:
        """The time after which the relay gives up, in words."""
        return format_duration(self.give_up_ns)

    @staticmethod
    def words(seconds: float) -> str:
        """A span of time in words."""
        return format_duration(round(seconds) * _NS)
