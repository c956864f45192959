"""What a lab's clock has to know of its programs: whether they rest, until when, and how they hear of a jump."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from testbed.net.namespace import libc
from testbed.net.program_time.page import NEVER, ScenarioPage, Slot
from testbed.net.program_time.threads import Thread, sleeps, threads_below, time_ends, turns

WAKE = signal.SIGSTKFLT
"""The signal that ends a wait whose time has come, as in ``scenario_time.c``."""

_LIBRARY, _PAGE = "scenario-time.so", "page"


class ProgramTime:
    """The time of the programs of one lab.  ``library`` is the file they are to load, in ``folder`` beside the page."""

    def __init__(self, folder: Path, built: Path) -> None:
        folder.mkdir(mode=0o755)
        self.library = folder / _LIBRARY
        shutil.copy(built, self.library)
        self._page = ScenarioPage(folder / _PAGE)
        self._offset = 0
        self._processes: set[int] = set()
        self._threads: list[Thread] = []
        self._marks: dict[Thread, object] = {}

    def watch(self, process: int) -> None:
        """A program has started, in this process or in one that this one starts."""
        self._processes.add(process)
        self._marks = {}

    def forget(self, process: int) -> None:
        """A program has ended, with all it had started."""
        self._processes.discard(process)
        self._marks = {}

    def rest(self) -> int | None:
        """When the earliest wait ends, nanoseconds of the lab's monotonic clock; None while a program does something.

        All threads of all programs have slept at one moment, if this gives a time, in calls that no passing of real
        time ends.
        """
        slots = self._slots()
        self._ring(slots)
        marks = {thread: _mark(thread, slots) for thread in self._threads}
        if not marks or marks != self._marks:
            slots = self._slots()
            if not self._find_threads(slots):
                return None
            marks = dict(self._marks)
        for place, thread in enumerate(self._threads):
            if sleeps(thread) is False:
                self._threads.insert(0, self._threads.pop(place))  # who runs is likely to go on
                return None
        limits = {thread.process for thread in self._threads if (slot := slots.get(_key(thread))) and slot.limits}
        for thread in self._threads:
            slot = slots.get(_key(thread))
            if not (slot and slot.waits) and time_ends(thread, sockets_too=thread.process in limits):
                return None
        after = self._slots()
        if {thread: _mark(thread, after) for thread in self._threads} != marks:
            return None
        return min((end for slot in after.values() for end in _ends(slot)), default=NEVER)

    def shift(self, offset: int) -> None:
        """The lab's clock is ``offset`` nanoseconds ahead of the machine's now; who has waited for that hears of it."""
        self._offset = offset
        self._page.shift(offset)
        slots, now = self._slots(), self._now()
        for thread in self._threads:
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
        return {(slot.space, slot.thread): slot for slot in self._page.slots()}

    def _find_threads(self, slots: dict[tuple[int, int], Slot]) -> bool:
        """Look for all threads; False when there were others a moment later."""
        found = [thread for process in self._processes for thread in threads_below(process)]
        self._marks = {thread: _mark(thread, slots) for thread in found}
        again = [thread for process in self._processes for thread in threads_below(process)]
        self._threads = again
        if set(found) != set(again):
            self._marks = {}
            return False
        living = {_key(thread) for thread in again}
        for key, slot in slots.items():  # noted before the threads were looked for
            if key not in living:
                self._page.free(slot)
        return True

    def _ring(self, slots: dict[tuple[int, int], Slot]) -> None:
        now = self._now()
        for key, slot in slots.items():
            if slot.alarm and slot.alarm <= now:
                self._page.set_alarm(slot, now + slot.every if slot.every else 0)
                for thread in self._threads:
                    if _key(thread) == key:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(thread.process, signal.SIGALRM)


def _key(thread: Thread) -> tuple[int, int]:
    return thread.space, thread.inner


def _mark(thread: Thread, slots: dict[tuple[int, int], Slot]) -> object:
    """What is different after a thread has run."""
    slot = slots.get(_key(thread))
    return slot.count if slot is not None and slot.waits else turns(thread)


def _ends(slot: Slot) -> tuple[int, ...]:
    return (*((slot.until,) if slot.waits else ()), *((slot.alarm,) if slot.alarm else ()))
