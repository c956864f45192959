"""Ctrl-C while others play: nothing more is begun, what is over is in the journal, and nobody plays on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cli import SIGNALLED
from testbed.explore.journal import earlier_runs
from tests.clusters import cluster_in
from tests.conftest import PROJECT
from tests.patience import HANG_S, until, until_all_are_gone

pytestmark = pytest.mark.lab


@pytest.fixture(params=["--jobs", "--workers", "--scheduler"])
def played_by(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """The option that says who plays, two at a time."""
    with contextlib.ExitStack() as ending:
        value = "2"
        if request.param == "--scheduler":
            value = ending.enter_context(cluster_in(tmp_path, 2)).address
        yield [request.param, value]


def test_an_exploration_that_is_interrupted(played_by: list[str], tmp_path: Path) -> None:
    runs = tmp_path / "out" / "delivered" / "runs.ndjson"
    command = [sys.executable, "-m", "testbed", "explore", "scenarios/delivered.yaml", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        [*command, "--depth", "1", *played_by],
        cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        until(lambda: runs.exists() and runs.read_bytes().count(b"\n") > 6)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all that it has started
        said = process.communicate(timeout=HANG_S)[0]
    assert process.returncode == SIGNALLED + signal.SIGINT, said
    assert "were not tried" in said
    assert "Traceback" not in said
    lines = runs.read_bytes().splitlines()
    assert len(earlier_runs(runs)) == len(lines) - 1 < 400
    until_all_are_gone(process.pid)
