"""How long tests wait.

What may hang is given so much time by the clock that a busy machine does not look like a hang.  What must not blow up
is measured in the processor time of the test itself (`@pytest.mark.cpu_seconds`), which others cannot use up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

HANG_S = 300.0


def until(happens: Callable[[], object]) -> None:
    """Look until something is so; fail when it never is."""
    end = time.monotonic() + HANG_S
    while not happens():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def until_all_are_gone(session: int) -> None:
    """Wait for the end of every process of a session."""

    def is_gone() -> bool:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return True
        return False

    until(is_gone)


@contextlib.contextmanager
def cpu_seconds(most: float) -> Iterator[None]:
    """Fail as soon as the process has used so many seconds of processor time, its own and the kernel's."""

    def over(number: int, frame: object) -> None:
        pytest.fail(f"it takes more than {most:g} s of processor time")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, most)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
