"""``testbed run``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from testbed.cli import FAILED, HELD, INTERRUPTED, NO_LAB
from testbed.cli.progress import Progress
from testbed.cli.references import References
from testbed.errors import LabError
from testbed.outcome import Outcome, Result, conclude
from testbed.report.console import console
from testbed.runner import Runner
from testbed.scenario.load import discover, load_all
from testbed.scenario.scenario import Scenario


def main(options: argparse.Namespace) -> int:
    """Load, play, inspect, judge, report."""
    scenarios = load_all(discover(options.paths))
    folder = Path(options.keep) if options.keep else Path(tempfile.gettempdir()) / _fresh_name()
    out = console(sys.stderr if options.json else sys.stdout)
    started = time.monotonic()
    references = References(options)
    outcomes, interrupted = _play(scenarios, folder, options, out, references)
    seconds = time.monotonic() - started
    _report(outcomes, options, out, seconds, folder)
    references.summary(out, scenarios)
    return _exit_code(outcomes, interrupted)


def _fresh_name() -> str:
    return f"testbed-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"


def _play(
    scenarios: list[Scenario], folder: Path, options: argparse.Namespace, out: Console, references: References
) -> tuple[list[Outcome], bool]:
    from testbed.lab import preload, run

    preload(scenarios)
    jobs = options.jobs or len(os.sched_getaffinity(0))
    progress = Progress(out, len(scenarios), whole=options.verbose or len(scenarios) == 1, quiet=options.json)
    runner = Runner(
        run,
        jobs=min(jobs, len(scenarios)),
        time_limit_s=options.time_limit,
        on_progress=progress.told,
        on_tick=progress.tick,
    )
    work = list(zip(scenarios, _traces(scenarios, folder), strict=True))
    place = {id(scenario): number for number, scenario in enumerate(scenarios)}
    outcomes: dict[int, Outcome] = {}
    told = 0
    with progress:
        for played in runner.run(work):
            outcomes[place[id(played.scenario)]] = references.compared(conclude(played))
            if played.no_lab:
                break  # what one lab is refused, all are
            while told in outcomes:  # in the order of the files, whichever ends first
                progress.ended(outcomes[told])
                told += 1
        else:
            for number in sorted(outcomes):
                if number >= told:
                    progress.ended(outcomes[number])
    return [outcomes[number] for number in sorted(outcomes)], runner.interrupted


def _traces(scenarios: list[Scenario], folder: Path) -> list[Path]:
    """A file name per scenario, that of its YAML file and case, made unique where two folders have the same."""
    names: set[str] = set()
    traces = []
    for scenario in scenarios:
        stem = name = scenario.name
        number = 2
        while name in names:
            name = f"{stem}-{number}"
            number += 1
        names.add(name)
        traces.append(folder / f"{name}.pcapng")
    return traces


def _report(outcomes: list[Outcome], options: argparse.Namespace, out: Console, seconds: float, folder: Path) -> None:
    from testbed.report.verdicts import summary

    if options.json:
        from testbed.report.json_run import run_json

        print(run_json(outcomes))
        return
    if options.verbose:
        from testbed.report.trace import trace_report

        for result in outcomes:
            if result.analysis is not None:
                trace_report(out, result.analysis)
    if any(result.played.no_lab for result in outcomes):
        return
    summary(out, outcomes, seconds, folder if any(result.played.trace for result in outcomes) else None)


def _exit_code(outcomes: list[Outcome], interrupted: bool) -> int:
    if interrupted:
        return INTERRUPTED
    for result in outcomes:
        if result.played.no_lab:
            raise LabError(result.played.error)
    results = {result.result for result in outcomes}
    if Result.ERROR in results:
        return NO_LAB
    return FAILED if Result.FAILED in results else HELD
