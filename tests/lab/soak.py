"""``make soak``: the baseline check over and over, on a loaded machine; not one false alarm.

Every scenario is played and compared with its reference in ``captures/``, as ``testbed run --baseline`` does it.
The traces of what differs stay in ``build/soak``.

With ``--among-themselves`` each run is compared with the first of its scenario instead, programs' too, and it is
counted how often each difference was found.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from testbed.baseline import Baseline
from testbed.lab import preload, run
from testbed.net.orphans import die_with_parent
from testbed.outcome import Outcome, Result, conclude
from testbed.runner import TIME_LIMIT_S, Runner, usual_jobs
from testbed.scenario.load import discover, load_all
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.compare.difference import every
from tests.conftest import PROJECT
from tests.lab.test_scenarios import why

_KEPT = PROJECT / "build" / "soak"
_FINE = (Result.HELD, Result.SKIPPED)


Compare = Callable[[Outcome], Outcome]
"""Gives an outcome with what has changed."""


def once(
    scenarios: list[Scenario], compared: Compare, folder: Path, time_limit_s: float = TIME_LIMIT_S
) -> list[Outcome]:
    """Play all, and compare each with its reference."""
    work = [(scenario, folder / f"{scenario.name}.pcapng") for scenario in scenarios]
    runner = Runner(run, jobs=usual_jobs(), time_limit_s=time_limit_s)
    return [compared(conclude(played)) for played in runner.run(work)]


class First:
    """Compares with the first run of the same scenario."""

    def __init__(self) -> None:
        self._first: dict[str, Analysis] = {}

    def compared(self, outcome: Outcome) -> Outcome:
        """The outcome with what differs."""
        if outcome.analysis is None:
            return outcome
        first = self._first.setdefault(outcome.scenario.name, outcome.analysis)
        return replace(outcome, changes=compare_analyses(first, outcome.analysis).differences)


def _tell(outcome: Outcome, number: int) -> None:
    """What went wrong, and where its trace is kept."""
    print(f"\nround {number}: {outcome.scenario.name}: {outcome.result}", why(outcome))
    print("\n".join(f"  {change.text}" for change in every(outcome.changes)))
    if outcome.played.trace is not None:
        _KEPT.mkdir(parents=True, exist_ok=True)
        print("  trace:", shutil.copy(outcome.played.trace, _KEPT / f"{outcome.scenario.name}-{number}.pcapng"))


def main(rounds: int, paths: list[str], compared: Compare, burners: int, time_limit_s: float) -> int:
    """Play, compare, print the count, and what differs; 1 when something does."""
    scenarios = load_all(discover([Path(path) for path in paths]).files, Reach.given(paths))
    preload(scenarios)
    burner = [sys.executable, "-c", "while True: pass"]
    burning = [subprocess.Popen(burner, preexec_fn=die_with_parent) for _ in range(burners)]
    alarms: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    started = time.monotonic()
    try:
        for number in range(1, rounds + 1):
            with tempfile.TemporaryDirectory(prefix="testbed-soak-") as folder:
                for outcome in once(scenarios, compared, Path(folder), time_limit_s):
                    if outcome.result not in _FINE:
                        alarms[outcome.scenario.name] += 1
                        kinds.update({f"{outcome.scenario.name}: {change.text}" for change in every(outcome.changes)})
                        _tell(outcome, number)
            print(f"\r{number}/{rounds} rounds, {alarms.total()} alarms", end="", flush=True)
    finally:
        for process in burning:
            process.kill()
            process.wait()
    print(f", {time.monotonic() - started:.0f} s with {burners} busy loops beside")
    print(f"{len(scenarios)} scenarios, {rounds * len(scenarios)} runs compared")
    print("\n".join(f"{count} × {name}" for name, count in alarms.most_common()) or "not one differs")
    print("\n".join(f"  {count} × {told}" for told, count in kinds.most_common()))
    return 1 if alarms else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", type=int, nargs="?", default=20)
    parser.add_argument("paths", nargs="*", default=[str(PROJECT / "scenarios")])
    parser.add_argument("--baseline", type=Path, default=PROJECT / "captures")
    parser.add_argument("--among-themselves", action="store_true")
    parser.add_argument("--time-limit", type=float, default=TIME_LIMIT_S)
    parser.add_argument("--burners", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    reference = First() if given.among_themselves else Baseline(given.baseline)
    sys.exit(main(given.rounds, given.paths, reference.compared, given.burners, given.time_limit))
