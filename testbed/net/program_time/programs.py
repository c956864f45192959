"""What a lab's clock has to know of its programs: whether they rest, until when, and how they hear of a jump."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from testbed.net.program_process import KEEPERS
from testbed.net.program_time.looks import Looks
from testbed.net.program_time.page import ScenarioPage, Slot
from testbed.net.program_time.threads import NewestNumber, Thread, ThreadTree

_LIBRARY, _PAGE = "scenario-time.so", "page"


class ProgramTime:
    """The time of the programs of one lab, in a ``folder`` of its own.  ``built`` is the library they are to load."""

    def __init__(self, folder: Path, built: Path) -> None:
        folder.mkdir(mode=0o755)
        self._folder = folder
        self._starts = 0
        shutil.copy(built, folder / _LIBRARY)
        self._page = ScenarioPage(folder / _PAGE)
        self._looks = Looks(built, self._page)
        self._offset = 0
        self._tree = ThreadTree()
        self._tree_is_sure = False
        self._newest_number = NewestNumber()
        self._newest = b""
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
        return all(thread.process in noted or thread.has_ended for thread in threads)

    def rest(self) -> int | None:
        """When the earliest wait ends, nanoseconds of the lab's monotonic clock; None while a program does something.

        All threads of all programs have slept at one moment, if this gives a time, in calls that no passing of real
        time ends.
        """
        self.ring()
        threads = self._tree.threads
        if self._look_for_threads(self._looks.ran(threads)):
            return None
        end = self._looks.rest()
        if end is None:
            return None
        gone = self._looks.gone()
        if gone != self._gone:
            self._gone, self._tree_is_sure = gone, False
            return None
        return None if self._tree.is_ending(gone) else end

    def shift(self, offset: int) -> None:
        """The lab's clock is ``offset`` nanoseconds ahead of the machine's now; who has waited for that hears of it."""
        self._offset = offset
        self._page.shift(offset)
        self._looks.wake(self._tree.threads, self._now())
        self.ring()

    def ring(self) -> None:
        """Send SIGALRM to those whose alarm is due."""
        now = self._now()
        if not self._looks.alarm_is_due(now):
            return
        processes = {_key(thread): thread.process for thread in self._tree.threads}
        for key, slot in self._slots().items():
            if not slot.alarm or slot.alarm > now:
                continue
            if key not in processes:  # it has started since threads were looked for, or has ended
                self._tree_is_sure = False
                continue
            self._page.set_alarm(slot, now + slot.every if slot.every else 0)
            with contextlib.suppress(ProcessLookupError):
                os.kill(processes[key], signal.SIGALRM)

    def close(self) -> None:
        """No program lives any more."""
        self._page.close()
        self._newest_number.close()

    def _now(self) -> int:
        return time.monotonic_ns() + self._offset

    def _slots(self) -> dict[tuple[int, int], Slot]:
        return {(slot.start, slot.thread): slot for slot in self._page.slots()}

    def _look_for_threads(self, ran: set[Thread]) -> bool:
        """Look for threads that those that ``ran`` have started or ended.  Whether others are there than before.

        The children of one that has ended are somebody else's now, and its slot is free.
        """
        if self._tree_is_sure and not ran:
            return False
        newest, before = self._newest_number.read(), self._newest
        if self._tree_is_sure and not any(thread.has_ended for thread in ran):
            if newest and newest == before:  # nobody has started anything
                return False
            differs = self._tree.look_at({thread.process for thread in ran})
        else:
            slots = self._slots()
            differs = self._tree.look_everywhere()
            self._free_the_dead(slots)
        self._newest = newest
        self._tree_is_sure = not differs  # the kernel may pass over some while others end (proc(5), "children")
        return differs

    def _free_the_dead(self, slots: dict[tuple[int, int], Slot]) -> None:
        """Free those of ``slots``, which were noted before the threads were looked for, that belong to none."""
        living = {_key(thread) for thread in self._tree.threads}
        for key, slot in slots.items():
            if key not in living:
                self._page.free(slot)


def _key(thread: Thread) -> tuple[int, int]:
    return thread.start, thread.inner
