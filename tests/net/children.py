"""Work in a forked child that enters a network of its own: it ends in time, and never outlives the test."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import pytest

from testbed.net.namespace import libc
from tests.patience import HANG_S

_PR_SET_PDEATHSIG = 1


class Overdue(BaseException):
    """Nobody who waits for a TimeoutError may take this for theirs."""


def in_child(work: Callable[[], Any], limit_s: float = HANG_S) -> Any:
    """What the work gives, from a child.  The test fails when the work does, or takes longer than so many seconds."""
    read_end, write_end = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _live(work, limit_s, write_end, parent)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if not said:
        pytest.fail(f"the child died with status {os.waitstatus_to_exitcode(status)}")
    failure, answer = pickle.loads(said)
    if failure:
        pytest.fail(failure)
    return answer


def _live(work: Callable[[], Any], limit_s: float, pipe: int, parent: int) -> NoReturn:
    try:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.signal(signal.SIGALRM, lambda number, frame: _overdue(limit_s, frame))
        signal.setitimer(signal.ITIMER_REAL, limit_s, 1.0)  # again, should a task have swallowed the first
        said = pickle.dumps(("", work()))
    except BaseException:
        said = pickle.dumps((traceback.format_exc(), None))
    signal.setitimer(signal.ITIMER_REAL, 0)
    with os.fdopen(pipe, "wb") as stream:
        stream.write(said)
    os._exit(0)


def _overdue(limit_s: float, frame: FrameType | None) -> NoReturn:
    raise Overdue(f"it did not end within {limit_s:g} s")
