"""Limits on processor time strike what computes, and leave alone what waits."""

from __future__ import annotations

import os
import select
import time

import pytest

from tests.patience import cpu_seconds


def compute(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        os.getppid()


def test_who_computes_too_long_fails_at_once() -> None:
    began = time.process_time()
    with pytest.raises(pytest.fail.Exception, match=r"more than 0\.1 s of processor time"), cpu_seconds(0.1):
        compute(20)
    assert time.process_time() - began < 10


def test_who_waits_does_not() -> None:
    read_end, write_end = os.pipe()
    with cpu_seconds(0.1):
        assert select.select([read_end], [], [], 0.3) == ([], [], [])
    os.close(read_end)
    os.close(write_end)


def test_the_limit_ends_with_what_it_is_for() -> None:
    with cpu_seconds(0.05):
        pass
    compute(0.2)


@pytest.mark.cpu_seconds(0.1)
@pytest.mark.xfail(raises=pytest.fail.Exception, strict=True)
def test_the_marker_is_such_a_limit() -> None:
    compute(20)
