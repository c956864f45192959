"""The threads of a lab's programs, as the kernel shows them (proc(5)): whether they sleep, and in which call."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

_NOT_THERE = FileNotFoundError, ProcessLookupError
_OCTETS = 16384
_GONE = frozenset((b"X", b"x", b"Z"))
_ASLEEP = frozenset((b"S", b"T"))  # in a call a signal ends, and stopped
_RUNNING = [b"running"]
_EXITING = 0x4  # PF_EXITING of linux/sched.h

# Calls that may have a time limit: the place of the argument that says so, and whether it is a number or an address.
_NUMBER, _ADDRESS, _ALWAYS = "number", "address", "always"
_LIMITS = {
    "x86_64": {
        7: (2, _NUMBER), 23: (4, _ADDRESS), 35: (0, _ALWAYS), 128: (2, _ADDRESS), 202: (3, _ADDRESS),
        208: (4, _ADDRESS), 219: (0, _ALWAYS), 220: (3, _ADDRESS), 230: (0, _ALWAYS), 232: (3, _NUMBER),
        242: (4, _ADDRESS), 243: (4, _ADDRESS), 270: (4, _ADDRESS), 271: (2, _ADDRESS), 281: (3, _NUMBER),
        299: (4, _ADDRESS), 426: (0, _ALWAYS), 441: (3, _ADDRESS),
    },
    "aarch64": {
        4: (4, _ADDRESS), 22: (3, _NUMBER), 72: (4, _ADDRESS), 73: (2, _ADDRESS), 98: (3, _ADDRESS),
        101: (0, _ALWAYS), 115: (0, _ALWAYS), 128: (0, _ALWAYS), 137: (2, _ADDRESS), 182: (4, _ADDRESS),
        183: (4, _ADDRESS), 192: (3, _ADDRESS), 243: (4, _ADDRESS), 426: (0, _ALWAYS), 441: (3, _ADDRESS),
    },
}.get(platform.machine(), {})  # fmt: skip
_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine(), -1)
_FUTEX_WAITS = (0, 6, 9, 11, 13)  # FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2
_RECEIVING = {
    "x86_64": frozenset((0, 1, 19, 20, 42, 43, 44, 45, 46, 47, 288)),
    "aarch64": frozenset((63, 64, 65, 66, 202, 203, 206, 207, 211, 212, 242)),
}.get(platform.machine(), frozenset())
"""Calls that a socket's own time limit may end (SO_RCVTIMEO, SO_SNDTIMEO; socket(7))."""


@dataclass(frozen=True, slots=True, eq=False)
class Thread:
    """``number`` and ``process`` are those the lab knows; ``inner`` is that in its own PID namespace.

    ``start`` says in which start of a program, ``keeps`` whether it is one of those that keep the program; ``stat``,
    ``schedstat`` and ``syscall`` are descriptors of what the kernel says of it, -1 where nobody may read it.
    """

    number: int
    process: int
    inner: int
    start: int
    keeps: bool
    stat: int
    schedstat: int
    syscall: int

    @classmethod
    def open(cls, number: int, process: int, start: int, *, keeps: bool) -> Thread:
        """That thread, as the kernel shows it now.  Raises FileNotFoundError, ProcessLookupError when it is gone."""
        lines = read(f"/proc/{process}/task/{number}/status").splitlines()
        inner = int(next(line for line in lines if line.startswith(b"NSpid:")).split()[-1])
        files: list[int] = []
        try:
            for name in ("stat", "schedstat", "syscall"):
                files.append(_open(f"/proc/{process}/task/{number}/{name}"))
        except OSError:
            _close(files)
            raise
        return cls(number, process, inner, start, keeps, *files)

    def close(self) -> None:
        """Close its files."""
        _close((self.stat, self.schedstat, self.syscall))

    @property
    def is_reaped(self) -> bool:
        """Whether its number is free again."""
        try:
            os.pread(self.stat, 1, 0)
        except _NOT_THERE:
            return True
        return False

    def sleeps(self) -> bool | None:
        """Whether it sleeps; None when it is gone."""
        try:
            line = os.pread(self.stat, _OCTETS, 0)
        except _NOT_THERE:
            return None
        state, _, _, _, _, _, flags = line[line.rindex(b")") + 2 :].split(maxsplit=7)[:7]
        if state in _GONE:
            return None
        if state not in _ASLEEP or int(flags) & _EXITING:  # the first of a namespace waits for others when it ends
            return False
        return self._call() != _RUNNING  # as whoever reaps a child may still do although he is said to sleep

    def turns(self) -> bytes:
        """How often and how long it has run so far, in the kernel's words: the same when it has not run since."""
        with contextlib.suppress(*_NOT_THERE):
            return os.pread(self.schedstat, _OCTETS, 0)
        return b""

    def time_ends_its_call(self, *, sockets_too: bool) -> bool:
        """Whether the call it sleeps in may end because time passes; so it is too when nobody can tell."""
        words = self._call()
        try:
            number = int(words[0])
        except (ValueError, IndexError):
            return True
        if number == _FUTEX and int(words[2], 16) & 0x7F not in _FUTEX_WAITS:
            return False
        if sockets_too and number in _RECEIVING:
            return True
        place, kind = _LIMITS.get(number, (0, ""))
        if kind == _ALWAYS:
            return True
        if kind == _ADDRESS:
            return int(words[1 + place], 16) != 0
        return kind == _NUMBER and not int(words[1 + place], 16) & 0x80000000

    def _call(self) -> list[bytes]:
        """The system call it sleeps in and its arguments, or _RUNNING; nothing where the kernel does not tell."""
        if self.syscall >= 0:
            with contextlib.suppress(OSError):
                return os.pread(self.syscall, _OCTETS, 0).split()
        return []


@dataclass(frozen=True, slots=True)
class _Process:
    threads: tuple[Thread, ...]
    children: tuple[int, ...]


class ThreadTree:
    """All threads of some processes and of all their descendants, looked for again only where one has run."""

    def __init__(self) -> None:
        self.threads: tuple[Thread, ...] = ()
        self._roots: dict[int, tuple[int, int]] = {}
        self._found: dict[int, _Process] = {}

    def plant(self, process: int, start: int, keepers: int) -> None:
        """Know a process, too, and all it starts; the first ones, one below the other, are the program's keepers."""
        self._roots[process] = start, keepers
        self.look_everywhere()

    def fell(self, process: int) -> None:
        """Know it no more."""
        self._roots.pop(process, None)
        self.look_everywhere()

    def threads_of(self, process: int) -> tuple[Thread, ...]:
        """Those of one that was planted, and of all it has started."""
        start, _ = self._roots.get(process, (None, 0))
        return tuple(thread for thread in self.threads if thread.start == start)

    def is_ending(self, gone: Set[Thread]) -> bool:
        """Whether a program has ended, its threads being ``gone``, and its keepers are about to."""
        living = {thread.process for thread in self.threads if thread not in gone}
        keepers = {thread.process for thread in self.threads if thread.keeps}
        return any(living.isdisjoint(self._found[keeper].children) for keeper in keepers)

    def look_everywhere(self) -> bool:
        """Look for all threads.  Whether anything has changed."""
        self._found = {}
        return self._look()

    def look_at(self, processes: Iterable[int]) -> bool:
        """Look for what threads of these processes have started or ended.  Whether anything has changed."""
        for process in processes:
            self._found.pop(process, None)
        return self._look()

    def _look(self) -> bool:
        known = {thread.number: thread for thread in self.threads}
        found: dict[int, _Process] = {}
        left = [(process, start, keepers) for process, (start, keepers) in self._roots.items()]
        while left:
            process, start, keepers = left.pop()
            found[process] = self._found.get(process) or _read_process(process, start, keepers > 0, known)
            left += ((child, start, keepers - 1) for child in found[process].children)
        before, self._found = self.threads, found
        self.threads = tuple(thread for process in found.values() for thread in process.threads)
        for thread in set(before) - set(self.threads):
            thread.close()
        return set(before) != set(self.threads)


def _read_process(process: int, start: int, keeps: bool, known: Mapping[int, Thread]) -> _Process:
    threads: list[Thread] = []
    children: list[int] = []
    try:
        names = os.listdir(f"/proc/{process}/task")
    except _NOT_THERE:
        names = []
    for name in names:
        with contextlib.suppress(*_NOT_THERE):  # it has ended meanwhile
            thread = known.get(int(name))
            if thread is None or thread.process != process or thread.is_reaped:  # numbers are given again
                thread = Thread.open(int(name), process, start, keeps=keeps)
            threads.append(thread)
            children += map(int, read(f"/proc/{process}/task/{name}/children").split())
    return _Process(tuple(threads), tuple(children))


def _open(file: str) -> int:
    try:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return -1


def _close(files: Iterable[int]) -> None:
    for file in files:
        if file >= 0:
            os.close(file)


def read(file: str) -> bytes:
    """A file of the kernel's, which is read in one go.  Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _OCTETS)
    finally:
        os.close(descriptor)
