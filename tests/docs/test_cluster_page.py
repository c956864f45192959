"""The page about many machines: its scheduler, its worker and its commands work together as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.patience import HANG_S, until

pytestmark = pytest.mark.lab

PAGE = (PROJECT / "docs" / "many-machines.md").read_text()
PORT = "8786"


def _shown(begins: str, port: int) -> list[list[str]]:
    """The words of the page's commands that begin so, at a port that is free."""
    lines = re.findall(rf"^{re.escape(begins)}.*$", PAGE, re.M)
    assert lines
    return [shlex.split(line.replace(PORT, str(port))) for line in lines]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_its_commands_work_together(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "scenarios").symlink_to(PROJECT / "scenarios")
    port, dask = _free_port(), str(Path(sys.executable).with_name("dask"))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    others = [
        subprocess.Popen(
            [dask, *_shown(begins, port)[0][1:]], env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT)}, **quiet
        )
        for begins in ("dask scheduler ", "dask worker ")
    ]
    try:
        until(lambda: _answers(port))
        for command in ("run", "compare", "explore", "inspect"):
            [words] = _shown(f"testbed {command} --scheduler ", port)
            done = subprocess.run(
                [sys.executable, "-m", *words],
                cwd=copy, env={**os.environ, "PYTHONPATH": str(PROJECT)},
                capture_output=True, text=True, timeout=HANG_S, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        for other in reversed(others):
            other.terminate()
        for other in others:
            other.wait()
