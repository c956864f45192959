"""``testbed explore``: every fault at every step of a scenario."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from testbed.cli import FAILED, HELD, SIGNALLED
from testbed.cli.cluster import cluster_of
from testbed.cli.explore_errands import Errand, errands
from testbed.cli.explore_progress import ExploreProgress
from testbed.cli.run_outputs import written
from testbed.crew.crew import Crew, LocalCrew
from testbed.explore.exploration import Found, Tally, Wanted, explore
from testbed.explore.oracles.own import own_oracles
from testbed.interruption import Interruption
from testbed.report.console import console
from testbed.report.explored.json_form import exploration_json
from testbed.report.explored.markdown_form import exploration_markdown
from testbed.report.explored.parquet import write_runs
from testbed.report.explored.table import exploration_table
from testbed.run_folder import RunFolder
from testbed.stored_folder import folder_at

_TO_A_CORE = 4  # players: a lab waits for the kernel to make and unmake its network, and for its timers


def main(options: argparse.Namespace) -> int:
    """Explore each scenario with each player.  Raises UsageError, ScenarioError, LabError, MachineError."""
    own_oracles(options.oracles)
    work = errands(options)
    spoken = "-" in (options.json, options.markdown, options.html)
    out = console(sys.stderr if spoken else sys.stdout)
    found: list[list[Found]] = []
    with (
        folder_at(options.out) as kept,
        folder_at(options.only_new) as earlier,
        RunFolder(kept.path) as folder,
        Interruption() as interruption,
        ExploreProgress(out, quiet=spoken) as progress,
        contextlib.ExitStack() as ending,
    ):
        crew = _crew(options)
        ending.callback(crew.dismiss)

        def told(tally: Tally) -> None:
            progress.told(tally)
            kept.keep_up()

        wanted = _wanted(options, interruption, earlier.path, told)
        shares = _shares(time.monotonic() + options.budget, sum(map(len, work)))
        for several in work:
            mine = [_explored(one, crew, folder.path, replace(wanted, until=next(shares)), progress) for one in several]
            progress.erase()
            if not spoken:
                exploration_table(out, mine)
            found.append(mine)
        every = [one for several in found for one in several]
        if any(one.red for one in every):
            folder.note_red()
        _write(options, found, every)
    if interruption.number:
        return SIGNALLED + interruption.number
    return FAILED if any(one.news or not one.is_explored for one in every) else HELD


def _wanted(
    options: argparse.Namespace, interruption: Interruption, earlier: Path | None, told: Callable[[Tally], None]
) -> Wanted:
    return Wanted(
        options.depth,
        options.seed,
        math.inf,
        options.time_limit,
        tuple(options.oracles),
        earlier,
        stop=lambda: bool(interruption.number),
        told=told,
    )


def _write(options: argparse.Namespace, found: Sequence[Sequence[Found]], every: Sequence[Found]) -> None:
    """What was asked for besides the report for people."""
    if options.parquet:
        write_runs(Path(options.parquet), every)
    if options.markdown:
        written(options.markdown, exploration_markdown(found))
    if options.html:
        from testbed.report.html.explored import exploration_html

        written(options.html, exploration_html(found))
    if options.json:
        written(options.json, exploration_json(every))


def _shares(end: float, many: int) -> Iterator[float]:
    """Until when each of so many explorations goes on: of the time that is left, all have the same."""
    for left in range(many, 0, -1):
        now = time.monotonic()
        yield now + max(0.0, end - now) / left


def _explored(errand: Errand, crew: Crew, folder: Path, wanted: Wanted, progress: ExploreProgress) -> Found:
    progress.begins(errand.scenario, errand.player)
    command = f"testbed explore {shlex.quote(errand.scenario.file)}{errand.told}"
    return explore(errand.scenario, errand.player, crew, folder / errand.folder, wanted, command)


def _crew(options: argparse.Namespace) -> Crew:
    return cluster_of(options) or LocalCrew(options.jobs or _TO_A_CORE * len(os.sched_getaffinity(0)))
