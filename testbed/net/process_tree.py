"""What a process and all it has started are about, as the kernel tells it (proc(5))."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

# Of several processes the first of these is what they are about.
_STATES = {"R": "computes", "D": "waits for a disk", "T": "is stopped", "t": "is stopped", "S": "sleeps"}
_MOST = 10_000  # processes of one program that are looked at
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class ThreadTimes(Struct, frozen=True):
    """Of a thread, in seconds: how long it is there, has run, and has waited for a processor until it last ran.

    ``runnable`` tells that it runs, or waits for a processor now, which the kernel does not count before that is over.
    """

    runnable: bool
    age_s: float
    ran_s: float
    waited_s: float

    def waited_since(self, before: ThreadTimes | None, seconds: float) -> float:
        """How long it has waited at most since it was so, or since it began, so many seconds ago."""
        then = before or ThreadTimes(True, 0.0, 0.0, 0.0)
        waited_s = self.waited_s - then.waited_s
        if self.runnable and then.runnable:
            waited_s = max(waited_s, min(self.age_s, seconds) - (self.ran_s - then.ran_s))
        return min(waited_s, seconds)


class Condition(Struct, frozen=True):
    """Of a process and its descendants.

    ``state`` is that of the busiest, ``memory`` what none of them shares with a file, ``written`` what went to disks,
    in octets.  ``threads`` are theirs, by number, if the kernel tells.
    """

    state: str
    cpu_s: float
    memory: int
    written: int
    threads: Mapping[int, ThreadTimes]


def condition(keeper: int) -> Condition:
    """The condition of what a keeper's two processes keep (:mod:`testbed.net.program_process`)."""
    states, threads = set[str](), dict[int, ThreadTimes]()
    cpu_s, memory, written = 0.0, 0, 0
    for pid in _kept(keeper):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, *fields = _read(pid, "stat").rpartition(")")[2].split()
            states.add(state)
            cpu_s += (int(fields[10]) + int(fields[11])) * _TICK_S
            resident, shared = map(int, _read(pid, "statm").split()[1:3])
            memory += (resident - shared) * _PAGE
        with contextlib.suppress(OSError, ValueError):
            counts = dict(line.split(": ") for line in _read(pid, "io").splitlines())
            written += int(counts["write_bytes"]) - int(counts["cancelled_write_bytes"])
        threads |= _threads(pid)
    state = next((word for letter, word in _STATES.items() if letter in states), "is no more")
    return Condition(state, cpu_s, memory, written, threads)


def _threads(pid: int) -> dict[int, ThreadTimes]:
    found = dict[int, ThreadTimes]()
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    for task in _tasks(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            ran, waited, _ = _read(pid, f"task/{task}/schedstat").split()
            state, *fields = _read(pid, f"task/{task}/stat").rpartition(")")[2].split()
            age_s = max(0.0, now_s - int(fields[18]) * _TICK_S)
            found[int(task)] = ThreadTimes(state == "R", age_s, int(ran) / 1e9, int(waited) / 1e9)
    return found


def _kept(keeper: int) -> Iterator[int]:
    """The descendants of a process but for its child, which keeps them."""
    waiting, seen = [child for first in _children(keeper) for child in _children(first)], 0
    while waiting and seen < _MOST:
        seen += 1
        pid = waiting.pop()
        yield pid
        waiting += _children(pid)


def _children(pid: int) -> list[int]:
    found = list[int]()
    for task in _tasks(pid):
        with contextlib.suppress(OSError):
            found += map(int, _read(pid, f"task/{task}/children").split())
    return found


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _read(pid: int, file: str) -> str:
    return Path(f"/proc/{pid}/{file}").read_text("utf-8", "replace")
