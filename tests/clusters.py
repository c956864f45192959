"""Clusters to play on: a scheduler and workers, each a process of Dask's own commands."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.conftest import PROJECT
from tests.patience import until

DASK = str(Path(sys.executable).with_name("dask"))


class Cluster:
    """Starts its scheduler at once, and workers on demand; ``inside`` begins the commands of a network namespace."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", inside: Sequence[str] = ()) -> None:
        self._folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        said = folder / "scheduler.json"
        asked = ["--host", host, "--port", "0", "--no-dashboard", "--scheduler-file", str(said)]
        self.scheduler = self._start(inside, "scheduler", *asked)
        until(said.exists)
        until(lambda: said.read_text().endswith("}"))
        self.address: str = json.loads(said.read_text())["address"]

    def hire(self, *, inside: Sequence[str] = (), python_path: Path | None = None, host: str = "127.0.0.1") -> None:
        """One more worker, of one thread and without a nanny, so that nobody starts it again."""
        asked = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", host]
        folder = ["--local-directory", str(self._folder)]
        self.workers.append(self._start(inside, "worker", self.address, *asked, *folder, python_path=python_path))

    def end(self) -> None:
        """Kill all that runs."""
        for process in (*self.workers, self.scheduler):
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _start(
        self, inside: Sequence[str], what: str, *options: str, python_path: Path | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*inside, DASK, what, *options],
            cwd=self._folder,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(python_path or PROJECT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextlib.contextmanager
def cluster_in(folder: Path, workers: int) -> Iterator[Cluster]:
    """A cluster on loopback, of so many workers."""
    cluster = Cluster(folder)
    try:
        for _ in range(workers):
            cluster.hire()
        yield cluster
    finally:
        cluster.end()
