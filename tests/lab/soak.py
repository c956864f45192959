"""``make soak``: the whole catalogue over and over, on a loaded machine; verdicts and semantic traces never differ."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from testbed.lab import preload, run
from testbed.outcome import Result, conclude
from testbed.runner import Runner
from testbed.scenario.load import discover, load_all
from testbed.scenario.programs import RunStep
from testbed.scenario.scenario import Scenario
from tests.conftest import PROJECT
from tests.lab.test_scenarios import semantic

Told = tuple[Result, list[object]]


def once(scenarios: list[Scenario], folder: Path) -> dict[str, Told]:
    """Verdict and semantic trace of every scenario, by its name."""
    told: dict[str, Told] = {}
    work = [(scenario, folder / f"{number}.pcapng") for number, scenario in enumerate(scenarios)]
    for played in Runner(run, jobs=len(os.sched_getaffinity(0))).run(work):
        outcome = conclude(played)
        # Programs are processes of their own: what they and the hosts do at the same time has no order.
        programs = any(isinstance(step, RunStep) for step in outcome.scenario.steps) or any(
            host.is_program for host in outcome.scenario.hosts.values()
        )
        story = semantic(outcome.analysis) if outcome.analysis and not programs else []
        told[outcome.scenario.name] = outcome.result, story
    return told


def main(rounds: int) -> int:
    """Play, compare with the first round, print the count; 1 when something differs."""
    scenarios = load_all(discover([PROJECT / "scenarios"]))
    preload(scenarios)
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    first: dict[str, Told] = {}
    differing: list[str] = []
    started = time.monotonic()
    try:
        for number in range(1, rounds + 1):
            with tempfile.TemporaryDirectory(prefix="testbed-soak-") as folder:
                told = once(scenarios, Path(folder))
            first = first or told
            differing += [f"round {number}: {name}" for name in first if told.get(name) != first[name]]
            print(f"\r{number}/{rounds} rounds, {len(differing)} differ", end="", flush=True)
    finally:
        for burner in burners:
            burner.kill()
    print(f", {time.monotonic() - started:.0f} s with every core kept busy besides")
    failed = [name for name, (result, _) in first.items() if result not in (Result.HELD, Result.SKIPPED)]
    print(f"{len(scenarios)} scenarios, {rounds * len(scenarios)} runs, {len(differing)} differ from the first round")
    print("\n".join([*(f"did not hold: {name}" for name in failed), *differing]))
    return 1 if differing or failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
