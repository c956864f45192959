"""The threads of a lab's programs, as the kernel shows them (proc(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Set

from msgspec import Struct

_NOT_THERE = FileNotFoundError, ProcessLookupError
_OCTETS = 16384
_GONE = frozenset((b"X", b"x", b"Z"))


class Thread(Struct, frozen=True, eq=False):
    """``number`` and ``process`` are those the lab knows; ``inner`` is that in its own PID namespace.

    ``start`` says in which start of a program, ``keeps`` whether it is one of those that keep the program; ``stat``,
    ``schedstat`` and ``syscall`` are descriptors of what the kernel says of it; the last two are -1 where it does not.
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
            files.append(os.open(f"/proc/{process}/task/{number}/stat", os.O_RDONLY | os.O_CLOEXEC))
            for name in ("schedstat", "syscall"):  # not every kernel has these, and not everybody may read them
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

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more, reaped or not."""
        try:
            line = os.pread(self.stat, _OCTETS, 0)
        except _NOT_THERE:
            return True
        return line[line.rindex(b")") + 2 :][:1] in _GONE


class _Process(Struct, frozen=True):
    threads: tuple[Thread, ...]
    children: tuple[int, ...]


class NewestNumber:
    """The number of the thread that was started last, anywhere on this machine (pid_namespaces(7))."""

    def __init__(self) -> None:
        self._file = -1
        with contextlib.suppress(OSError):  # not every kernel tells
            self._file = os.open("/proc/sys/kernel/ns_last_pid", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> bytes:
        """Its digits; nothing where the kernel does not tell."""
        return os.pread(self._file, 32, 0) if self._file >= 0 else b""

    def close(self) -> None:
        """Close the file."""
        _close((self._file,))


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
        """Look for what threads of these processes have started or ended.  Whether anything has changed.

        Whose parent has ended meanwhile is a child of a keeper's now.
        """
        keepers = {thread.process for thread in self.threads if thread.keeps}
        for process in keepers.union(processes):
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
        self._found = found
        before, now = self.threads, tuple(thread for process in found.values() for thread in process.threads)
        if now == before:
            return False
        self.threads = now
        for thread in set(before) - set(now):
            thread.close()
        return True


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
    except (PermissionError, FileNotFoundError):
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
