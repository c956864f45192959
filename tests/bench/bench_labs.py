"""``make bench``: labs in a row, what each part of one takes, and what many of them leave behind.

``bench_labs.py [LABS]`` plays one scenario so many times, 200 unless told otherwise, by the way of ``testbed run``.
Processor time is compared with that of ``python -c pass`` in the same run.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.table import Table

from testbed.lab import preload, run
from testbed.outcome import Outcome, Result, conclude
from testbed.played import Played
from testbed.report.annotate import annotated
from testbed.runner import TIME_LIMIT_S, Runner, usual_jobs
from testbed.scenario.load import load
from testbed.scenario.scenario import Scenario

PROJECT = Path(__file__).parents[2]
LABS = 200
_PASSES = 15
_GARBAGE = 100_000  # new objects, as for the command line
_SPENT = "spent "  # begins what a lab says of the processor time of its parts


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a lab, and the processor time of its account, seconds."""

    outcome: Outcome
    parts: dict[str, float]


def lab(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None]) -> None:
    """Play, and tell what it took: ``up`` until the first step, ``play`` until the network is gone."""
    began = time.process_time()
    steps: list[float] = []

    def heard(line: str) -> None:
        steps.append(time.process_time())
        tell(line)

    run(scenario, trace, heard)
    tell(f"{_SPENT}{steps[0] - began} {time.process_time() - steps[0]}")


def account(played: Played) -> Told:
    """As ``testbed run`` makes it."""
    parts = {}
    began = time.process_time()
    outcome = conclude(played, TIME_LIMIT_S)
    parts["conclude"] = time.process_time() - began
    annotated(outcome)
    parts["annotate"] = time.process_time() - began - parts["conclude"]
    return Told(outcome, parts)


@dataclass(frozen=True, slots=True)
class Left:
    """What labs could leave behind: files in the temporary folder and in /dev/shm, networks, processes, descriptors.

    Networks are those that processes of this machine are in, so it has to do nothing else.
    """

    files: int
    networks: int
    children: int
    open_files: int

    @staticmethod
    def now() -> Left:
        """What there is at present."""
        files = [one for place in (tempfile.gettempdir(), "/dev/shm") for one in Path(place).iterdir()]
        networks = {link for one in Path("/proc").glob("[0-9]*/ns/net") if (link := _link(one))}
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return Left(len(files), len(networks), len(children), len(os.listdir("/proc/self/fd")))

    def since(self, before: Left) -> str:
        """How many more there are than before."""
        now, then = astuple(self), astuple(before)
        return ", ".join(f"{one - other}" for one, other in zip(now, then, strict=True))


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize() >> 10


def pass_s() -> float:
    """Processor time of ``python -c pass``, the least of several, seconds."""
    return min(_children_s(partial(subprocess.run, [sys.executable, "-c", "pass"], check=True)) for _ in range(_PASSES))


def _children_s(work: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main(labs: int) -> None:
    """Print the table the docs quote."""
    scenario = load(PROJECT / "scenarios" / "mailbox-full.yaml")
    preload([scenario])
    gc.set_threshold(_GARBAGE)
    peer, before = pass_s(), Left.now()
    spent: dict[str, list[float]] = {}
    resident: list[int] = []

    def heard(scenario: Scenario, line: str) -> None:
        if line.startswith(_SPENT):
            for part, seconds in zip(("up", "play"), line.removeprefix(_SPENT).split(), strict=True):
                spent.setdefault(part, []).append(float(seconds))

    outcomes = []
    parent, started = time.process_time(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="testbed-bench-") as folder:
        runner = Runner(lab, jobs=usual_jobs(), on_progress=heard)
        work = [(scenario, Path(folder) / f"{number}.pcapng") for number in range(labs)]

        def play() -> None:
            for told in runner.accounts(work, account):
                assert told.outcome.result is Result.HELD, told.outcome
                outcomes.append(told.outcome)  # as a run keeps them for its reports
                resident.append(_resident_kb())
                for part, seconds in told.parts.items():
                    spent.setdefault(part, []).append(seconds)

        processes = _children_s(play)
    wall, parent = time.perf_counter() - started, time.process_time() - parent
    spent["write home, gather"] = [parent / labs]
    table = Table("what", "figure", f"× python -c pass, {peer * 1e3:.0f} ms", title_justify="left")
    table.title = f"{labs:,} × mailbox-full, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    table.add_row("labs a second", f"{labs / wall:.1f}", "")
    whole = (processes + parent) / labs
    table.add_row("processor time of a lab", f"{whole * 1e3:.0f} ms", f"{whole / peer:.1f}")
    for part, each in spent.items():
        median = statistics.median(each)
        table.add_row(f"  {part}", f"{median * 1e3:.1f} ms", f"{median / peer:.2f}")
    quarter = resident[labs // 4]  # by then everything is loaded
    growth = (resident[-1] - quarter) / (labs - labs // 4) * 1_000
    table.add_row("memory of the runner", f"{resident[-1] >> 10} MB, + {growth / 1024:.1f} MB per 1,000 labs", "")
    table.add_row("left behind: files, networks, processes, descriptors", Left.now().since(before), "")
    Console(width=100).print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LABS)
