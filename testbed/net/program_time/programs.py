"""What a lab's clock has to know of its programs: whether they rest, until when, and how they hear of a jump."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from testbed.net.namespace import libc
from testbed.net.program_process import KEEPERS
from testbed.net.program_time.page import NEVER, TIMERS, ScenarioPage, Slot
from testbed.net.program_time.threads import Thread, ThreadTree

WAKE = signal.SIGSTKFLT
"""The signal that ends a wait whose time has come, as in ``scenario_time.c``."""

_LIBRARY, _PAGE = "scenario-time.so", "page"


class ProgramTime:
    """The time of the programs of one lab, in a ``folder`` of its own.  ``built`` is the library they are to load."""

    def __init__(self, folder: Path, built: Path) -> None:
        folder.mkdir(mode=0o755)
        self._folder = folder
        self._starts = 0
        shutil.copy(built, folder / _LIBRARY)
        self._page = ScenarioPage(folder / _PAGE)
        self._offset = 0
        self._tree = ThreadTree()
        self._marks: dict[Thread, object] = {}
        self._ran_last: Thread | None = None
        self._tree_is_sure = False
        self._gone: set[Thread] = set()

    def library(self) -> Path:
        """The file that the next program is to load, which tells by it which start this was."""
        self._starts += 1
        folder = self._folder / str(self._starts)
        folder.mkdir(mode=0o755)
        for name in (_LIBRARY, _PAGE):
            os.link(self._folder / name, folder / name)
        return folder / _LIBRARY

    def watch(self, process: int, library: Path, *, keepers: int = KEEPERS) -> None:
        """A program that loads ``library`` has started: in this process, or below as many that keep it."""
        self._tree.plant(process, int(library.parent.name), keepers)

    def forget(self, process: int) -> None:
        """A program has ended, with all it had started."""
        slots = self._slots()
        self._tree.fell(process)
        self._free_the_dead(slots)

    def reaches(self, process: int) -> bool:
        """Whether every process of a program has loaded the library by now, as static ones never do."""
        self._tree.look_everywhere()
        slots = self._slots()
        threads = [thread for thread in self._tree.threads_of(process) if not thread.keeps]
        noted = {thread.process for thread in threads if _key(thread) in slots}
        return all(thread.process in noted or thread.sleeps() is None for thread in threads)

    def rest(self) -> int | None:
        """When the earliest wait ends, nanoseconds of the lab's monotonic clock; None while a program does something.

        All threads of all programs have slept at one moment, if this gives a time, in calls that no passing of real
        time ends.
        """
        slots = self._slots()
        self._ring(slots)
        marks = {thread: _mark(thread, slots) for thread in self._tree.threads}
        before, self._marks = self._marks, marks
        if self._look_for_threads({thread for thread in marks if marks[thread] != before.get(thread)}, slots):
            return None
        gone: set[Thread] = set()
        for thread in sorted(marks, key=lambda thread: thread != self._ran_last):
            asleep = thread.sleeps()
            if asleep is None:
                gone.add(thread)
            elif not asleep:
                self._ran_last = thread
                return None
        if gone != self._gone:
            self._gone, self._tree_is_sure = gone, False
            return None
        if self._tree.is_ending(gone) or _real_time_may_end_a_wait(marks, slots):
            return None
        after = self._slots()
        if {thread: _mark(thread, after) for thread in marks} != marks:
            return None
        noted = (after[key] for thread in marks if (key := _key(thread)) in after)
        return min((end for slot in noted for end in _ends(slot)), default=NEVER)

    def shift(self, offset: int) -> None:
        """The lab's clock is ``offset`` nanoseconds ahead of the machine's now; who has waited for that hears of it."""
        self._offset = offset
        self._page.shift(offset)
        slots, now = self._slots(), self._now()
        for thread in self._tree.threads:
            slot = slots.get(_key(thread))
            if slot is not None and slot.waits and slot.until <= now:
                libc.tgkill(thread.process, thread.number, WAKE)
        self._ring(slots)

    def ring(self) -> None:
        """Send SIGALRM to those whose alarm is due."""
        self._ring(self._slots())

    def close(self) -> None:
        """No program lives any more."""
        self._page.close()

    def _now(self) -> int:
        return time.monotonic_ns() + self._offset

    def _slots(self) -> dict[tuple[int, int], Slot]:
        return {(slot.start, slot.thread): slot for slot in self._page.slots()}

    def _look_for_threads(self, ran: set[Thread], slots: dict[tuple[int, int], Slot]) -> bool:
        """Look for threads that those that ``ran`` have started or ended.  Whether others are there than before.

        The children of one that has ended are somebody else's now, and its slot is free.
        """
        if self._tree_is_sure and not ran:
            return False
        if self._tree_is_sure and not any(thread.sleeps() is None for thread in ran):
            differs = self._tree.look_at({thread.process for thread in ran})
        else:
            differs = self._tree.look_everywhere()
            self._free_the_dead(slots)
        self._tree_is_sure = not differs  # the kernel may pass over some while others end (proc(5), "children")
        return differs

    def _free_the_dead(self, slots: dict[tuple[int, int], Slot]) -> None:
        """Free those of ``slots``, which were noted before the threads were looked for, that belong to none."""
        living = {_key(thread) for thread in self._tree.threads}
        for key, slot in slots.items():
            if key not in living:
                self._page.free(slot)

    def _ring(self, slots: dict[tuple[int, int], Slot]) -> None:
        now = self._now()
        for key, slot in slots.items():
            if slot.alarm and slot.alarm <= now:
                self._page.set_alarm(slot, now + slot.every if slot.every else 0)
                for thread in self._tree.threads:
                    if _key(thread) == key:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(thread.process, signal.SIGALRM)


def _key(thread: Thread) -> tuple[int, int]:
    return thread.start, thread.inner


def _mark(thread: Thread, slots: dict[tuple[int, int], Slot]) -> object:
    """What is different after a thread has run."""
    slot = slots.get(_key(thread))
    return slot.turn if slot is not None and slot.waits else thread.turns()


def _real_time_may_end_a_wait(threads: Iterable[Thread], slots: Mapping[tuple[int, int], Slot]) -> bool:
    """Whether one of these, all asleep, may go on because of a time limit that is not noted."""
    limits: dict[int, int] = {}
    unnoted = []
    for thread in threads:
        slot = slots.get(_key(thread))
        if slot is not None:
            limits[thread.process] = limits.get(thread.process, 0) | slot.limits
        if not thread.keeps and (slot is None or not slot.waits):
            unnoted.append(thread)
    if any(limit & TIMERS for limit in limits.values()):
        return True
    return any(thread.time_ends_its_call(sockets_too=bool(limits.get(thread.process))) for thread in unnoted)


def _ends(slot: Slot) -> tuple[int, ...]:
    return (*((slot.until,) if slot.waits else ()), *((slot.alarm,) if slot.alarm else ()))
