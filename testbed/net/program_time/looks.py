"""Whether all threads of a lab's programs rest: asked of the library, which reads the kernel's files in no time.

The layout of what is asked about is that of ``struct watched`` in ``scenario_time.c``.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

from testbed.net.program_time.page import ScenarioPage
from testbed.net.program_time.threads import Thread


class _Watched(ctypes.Structure):
    _fields_ = [
        ("process", ctypes.c_int32),
        ("number", ctypes.c_int32),
        ("thread", ctypes.c_int32),
        ("start", ctypes.c_uint32),
        ("stat", ctypes.c_int32),
        ("schedstat", ctypes.c_int32),
        ("syscall", ctypes.c_int32),
        ("keeps", ctypes.c_uint32),
        ("slot", ctypes.c_uint32),
        ("gone", ctypes.c_uint32),
        ("mark", ctypes.c_uint64),
    ]


class Looks:
    """Looks at threads again and again, and knows what each was like the last time.  Times are of the lab's clock."""

    def __init__(self, library: Path, page: ScenarioPage) -> None:
        self._page = page
        self._threads: tuple[Thread, ...] = ()
        self._watched = (_Watched * 0)()
        self._ran = (ctypes.c_uint8 * 0)()
        self._awake = ctypes.c_int(0)
        self._code = ctypes.CDLL(str(library))
        page_and_threads = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
        self._code.testbed_ran.argtypes = (*page_and_threads, ctypes.c_void_p)
        self._code.testbed_rest.argtypes = (*page_and_threads, ctypes.POINTER(ctypes.c_int))
        self._code.testbed_rest.restype = ctypes.c_int64
        self._code.testbed_wake.argtypes = (*page_and_threads, ctypes.c_int64)
        self._code.testbed_wake.restype = None
        self._code.testbed_alarm_is_due.argtypes = (ctypes.c_void_p, ctypes.c_int64)

    def ran(self, threads: tuple[Thread, ...]) -> set[Thread]:
        """Those of the threads that have run since they were looked at last, or were never looked at."""
        self._watch(threads)
        if not self._code.testbed_ran(self._page.address, self._watched, len(threads), self._ran):
            return set()
        return {thread for thread, ran in zip(threads, self._ran, strict=True) if ran}

    def rest(self) -> int | None:
        """When the first of those looked at last goes on by itself, nanoseconds; None while one does something.

        So it is too while only the passing of real time may end a wait.
        """
        end: int = self._code.testbed_rest(self._page.address, self._watched, len(self._threads), self._awake)
        return end if end >= 0 else None

    def gone(self) -> set[Thread]:
        """Those that have ended, as was seen when all others slept."""
        return {thread for thread, one in zip(self._threads, self._watched, strict=True) if one.gone}

    def wake(self, threads: tuple[Thread, ...], now: int) -> None:
        """Wake those whose wait is over."""
        self._watch(threads)
        self._code.testbed_wake(self._page.address, self._watched, len(threads), now)

    def alarm_is_due(self, now: int) -> bool:
        """Whether a process is to be sent SIGALRM."""
        return bool(self._code.testbed_alarm_is_due(self._page.address, now))

    def _watch(self, threads: tuple[Thread, ...]) -> None:
        if threads is self._threads:
            return
        before = dict(zip(self._threads, self._watched, strict=True))
        self._watched = (_Watched * len(threads))(*(before.get(thread) or _watched(thread) for thread in threads))
        self._ran = (ctypes.c_uint8 * len(threads))()
        self._threads = threads
        self._awake.value = 0


def _watched(thread: Thread) -> _Watched:
    files = (thread.stat, thread.schedstat, thread.syscall)
    return _Watched(thread.process, thread.number, thread.inner, thread.start, *files, thread.keeps, 0, 0, 0)
