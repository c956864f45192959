"""What a process and all it has started are about, as the kernel tells it (proc(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Of several processes the first of these is what they are about.
_STATES = {"R": "computes", "D": "waits for a disk", "T": "is stopped", "t": "is stopped", "S": "sleeps"}
_MOST = 10_000  # processes of one program that are looked at
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Condition:
    """Of a process and its descendants.

    ``state`` is that of the busiest, ``memory`` what none of them shares with a file, ``written`` what went to disks,
    in octets.  ``delays`` are how many seconds each thread waited for a processor, by its number, if the kernel tells.
    """

    state: str
    cpu_s: float
    memory: int
    written: int
    delays: Mapping[int, float]


def condition(keeper: int) -> Condition:
    """The condition of what a keeper's two processes keep (:mod:`testbed.net.program_process`)."""
    states, delays = set[str](), dict[int, float]()
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
        delays |= _delays(pid)
    state = next((word for letter, word in _STATES.items() if letter in states), "is no more")
    return Condition(state, cpu_s, memory, written, delays)


def _delays(pid: int) -> dict[int, float]:
    found = dict[int, float]()
    for task in _tasks(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            found[int(task)] = int(_read(pid, f"task/{task}/schedstat").split()[1]) / 1e9
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
