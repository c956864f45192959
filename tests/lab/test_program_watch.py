"""Whether a program had the machine: what it must be told by before anybody accuses it of being late."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from testbed.lab.program_bounds import ProgramWatch
from tests.patience import until

LOOPS = "while :; do :; done"
# A keeper, its child, and what they keep: programs as their authors write them.
KEEPS = "sh -c \"chrt --idle 0 taskset --cpu-list {} sh -c '{}'; true\"; true"
ONE_THAT_COMPUTES = LOOPS
MANY_THAT_END_AT_ONCE = "while :; do env true; done"  # as scripts begin a server

ONE_THAT_SLEEPS = "sleep 600"


@pytest.fixture
def core() -> Iterator[int]:
    """A processor of which somebody else has nearly all."""
    here = os.sched_getaffinity(0)
    chosen = max(here)
    rivals = [subprocess.Popen(["sh", "-c", LOOPS], preexec_fn=lambda: os.sched_setaffinity(0, {chosen})) for _ in "12"]
    yield chosen
    for rival in rivals:
        rival.kill()
        rival.wait()


@pytest.mark.parametrize(
    ("program", "starved"), [(ONE_THAT_COMPUTES, True), (MANY_THAT_END_AT_ONCE, True), (ONE_THAT_SLEEPS, False)]
)
def test_one_that_waits_for_a_processor_is_starved_however_many_processes_it_is(
    program: str, starved: bool, core: int
) -> None:
    keeper = subprocess.Popen(["sh", "-c", KEEPS.format(core, program)], start_new_session=True)
    watch, looks = ProgramWatch(keeper.pid, lambda: 0), itertools.count()
    try:
        until(lambda: watch.look().threads and next(looks) > 100 and (watch.starved(1.0) > 0.5) == starved)
        assert watch.waited_s > 0.1 or not starved
    finally:
        os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()


def test_nobody_knows_of_one_that_is_no_more() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    watch = ProgramWatch(ended.pid, lambda: 0)
    assert watch.look().state == "is no more"
    assert watch.starved(5.0) == -1.0
    assert watch.waited_s == 0.0
