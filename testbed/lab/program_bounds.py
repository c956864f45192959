"""What a program that plays a host may take up; one that takes more is killed, which the scenario is red for.

Its directory is a file system of its own, and so bounded by itself (``lab/sites.py``).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.net.process_tree import Condition, condition
from testbed.net.real_time import real_sleep

OUTPUT, MEMORY, DISK = "output", "memory", "disk"
_MOST_OUTPUT, _MOST_MEMORY, _MOST_WRITTEN = 256 << 20, 4 << 30, 8 << 30
_LOOK_S = 0.2
_SAMPLES = 100


@dataclass(frozen=True, slots=True)
class Excess:
    """Of what a program has taken too much, how many octets, and how many it may take."""

    what: str
    octets: int
    most: int

    def __str__(self) -> str:
        words = {OUTPUT: "has printed", MEMORY: "takes", DISK: "has written"}
        of = {OUTPUT: "", MEMORY: " of memory", DISK: " to disks"}
        return f"{words[self.what]} {self.octets >> 20:,} MiB{of[self.what]}, where {self.most >> 20:,} are allowed"


class ProgramWatch:
    """Looks now and then at what a keeper keeps, which has ``printed`` so many octets."""

    def __init__(self, keeper: int, printed: Callable[[], int]) -> None:
        self._keeper = keeper
        self._printed = printed
        self._most_memory = min(_MOST_MEMORY, _memory_of_machine() // 2)
        self._delays: deque[tuple[float, Mapping[int, float]]] = deque(maxlen=_SAMPLES)

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
        now = condition(self._keeper)
        self._delays.append((time.monotonic(), now.delays))
        return now

    def starved(self, seconds: float) -> float:
        """For which share of the last seconds it has waited for a processor; -1 if nobody knows."""
        now, delays = self._delays[-1]
        since, before = next((one for one in reversed(self._delays) if one[0] <= now - seconds), self._delays[0])
        waited = max((delay - before.get(thread, 0.0) for thread, delay in delays.items()), default=-1.0)
        return waited / max(now - since, _LOOK_S) if delays else -1.0


def _memory_of_machine() -> int:
    return _field("/proc/meminfo", "MemTotal:") << 10


def killed_for_memory() -> int:
    """How many processes the kernel has killed so far because the machine had no memory left."""
    return _field("/proc/vmstat", "oom_kill")


def _field(file: str, name: str) -> int:
    lines = (line.split() for line in Path(file).read_bytes().splitlines())
    return next((int(line[1]) for line in lines if line[0] == name.encode()), 0)
