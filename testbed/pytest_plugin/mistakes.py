"""Mistakes that tests make with labs, told with the lines of the test."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

import pytest

from testbed.errors import TestbedError


def without_our_frames(error: pytest.ExceptionInfo[BaseException]) -> pytest.ExceptionInfo[BaseException]:
    """What a test has done wrong with a lab, with the frames of its own code; any other exception as it is."""
    if not isinstance(error.value, TestbedError):
        return error
    home, kept = Path(__file__).parents[1], None
    for frame, line in reversed([*traceback.walk_tb(error.tb)]):
        if home not in Path(frame.f_code.co_filename).parents:
            kept = TracebackType(kept, frame, frame.f_lasti, line)
    return pytest.ExceptionInfo.from_exception(error.value.with_traceback(kept)) if kept is not None else error
