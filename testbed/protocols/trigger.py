"""When a fault strikes: which of the events it is about, counted as they happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class Trigger:
    """Counts the events a fault is about, and tells which of them it happens to.

    From the ``nth`` on it strikes ``times`` times, None meaning always, each time with the probability ``chance``; only
    events from ``from_ns`` until ``until_ns`` of scenario time count.  The same ``seed`` gives the same chances.
    """

    nth: int = 1
    times: int | None = None
    from_ns: int = 0
    until_ns: int | None = None
    chance: float = 1.0
    seed: str = ""
    _seen: int = field(default=0, init=False)
    _struck: int = field(default=0, init=False)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def open_at(self, now_ns: int) -> bool:
        """Whether the fault can strike at a time of the scenario."""
        return self.from_ns <= now_ns and (self.until_ns is None or now_ns < self.until_ns)

    def certain(self, now_ns: int) -> bool:
        """Whether an event it has struck would be struck again now, if it were repeated without end."""
        return self.times is None and self.chance >= 1 and self.open_at(now_ns)

    def passes(self, now_ns: int) -> None:
        """Count one event that happens to be another fault's."""
        self._seen += self.open_at(now_ns)

    def strikes(self, now_ns: int) -> bool:
        """Count one event, and tell whether the fault happens to it."""
        if not self.open_at(now_ns):
            return False
        self._seen += 1
        if self._seen < self.nth or self._struck == self.times:
            return False
        if self.chance < 1 and self._random.random() >= self.chance:
            return False
        self._struck += 1
        return True
