"""What a program that plays a host may take up; one that takes more is killed, which the scenario is red for.

Its directory is a file system of its own, and so bounded by itself (``lab/sites.py``).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from testbed.net.process_tree import Condition, ThreadTimes, condition
from testbed.net.real_time import real_sleep

OUTPUT, MEMORY, DISK = "output", "memory", "disk"
_MOST_OUTPUT, _MOST_MEMORY, _MOST_WRITTEN = 256 << 20, 4 << 30, 8 << 30
_LOOK_S = 0.2
_SAMPLES = 100


class Excess(Struct, frozen=True):
    """Of what a program has taken too much, how many octets, and how many it may take."""

    what: str
    octets: int
    most: int

    def __str__(self) -> str:
        words = {OUTPUT: "has printed", MEMORY: "takes", DISK: "has written"}
        of = {OUTPUT: "", MEMORY: " of memory", DISK: " to disks"}
        return f"{words[self.what]} {self.octets >> 20:,} MiB{of[self.what]}, where {self.most >> 20:,} are allowed"


class ProgramWatch:
    """Looks now and then at what a keeper keeps, which has ``printed`` so many octets.

    ``waited_s`` is for how long, so far, some part of it has waited for a processor.
    """

    def __init__(self, keeper: int, printed: Callable[[], int]) -> None:
        self._keeper = keeper
        self._printed = printed
        self._most_memory = min(_MOST_MEMORY, _memory_of_machine() // 2)
        self._looked = time.monotonic()
        self.waited_s = 0.0
        self._threads: Mapping[int, ThreadTimes] = {}
        self._waits: deque[tuple[float, float, float]] = deque(maxlen=_SAMPLES)  # when, since how long, of it waited

    async def excess(self) -> Excess:
        """Return when it takes more than it may."""
        while True:
            now = self.look()
            for found in (
                Excess(OUTPUT, self._printed(), _MOST_OUTPUT),
                Excess(MEMORY, now.memory, self._most_memory),
                Excess(DISK, now.written, _MOST_WRITTEN),
            ):
                if found.octets > found.most:
                    return found
            await real_sleep(_LOOK_S)

    def look(self) -> Condition:
        """How it is now."""
        now, looked = condition(self._keeper), time.monotonic()
        seconds = looked - self._looked
        if now.threads:
            waits = (times.waited_since(self._threads.get(one), seconds) for one, times in now.threads.items())
            waited_s = max(waits)
            self._waits.append((looked, seconds, waited_s))
            self.waited_s += waited_s
        self._looked, self._threads = looked, now.threads
        return now

    def starved(self, seconds: float) -> float:
        """For which share of the last seconds some part of it has waited for a processor; -1 if nobody knows."""
        since = time.monotonic() - seconds
        waits = [(length, waited) for looked, length, waited in self._waits if looked > since]
        time_s = sum(length for length, _ in waits)
        return sum(waited for _, waited in waits) / time_s if time_s else -1.0


def _memory_of_machine() -> int:
    return _field("/proc/meminfo", "MemTotal:") << 10


def killed_for_memory() -> int:
    """How many processes the kernel has killed so far because the machine had no memory left."""
    return _field("/proc/vmstat", "oom_kill")


def _field(file: str, name: str) -> int:
    lines = (line.split() for line in Path(file).read_bytes().splitlines())
    return next((int(line[1]) for line in lines if line[0] == name.encode()), 0)
