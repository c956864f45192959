"""``testbed explore``: every fault at every step of a scenario."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from testbed.cli import FAILED, HELD, SIGNALLED
from testbed.cli.choose import chosen
from testbed.cli.explore_progress import ExploreProgress
from testbed.cli.run_outputs import written
from testbed.cli.untrusted import reach
from testbed.errors import UsageError
from testbed.explore.crew import Crew, LocalCrew
from testbed.explore.exploration import Found, Wanted, explore
from testbed.explore.oracles.own import own_oracles
from testbed.interruption import Interruption
from testbed.protocols.text import shown
from testbed.report.compared.comparison import OURS
from testbed.report.console import console
from testbed.report.explored.json_form import exploration_json
from testbed.report.explored.table import exploration_table
from testbed.run_folder import RunFolder
from testbed.runner import lacking, usual_jobs
from testbed.scenario.casting import Candidate, cast_all
from testbed.scenario.load import discover
from testbed.scenario.scenario import Scenario
from testbed.subjects.parts import PARTS

_PROGRAMS = 2  # times as many players where programs are hosts, which mostly wait


def main(options: argparse.Namespace) -> int:
    """Explore each scenario with each player.  Raises UsageError, ScenarioError, LabError, MachineError."""
    part, players = _players(options)
    own_oracles(options.oracles)
    work = list(_work(options, part, players))
    until = time.monotonic() + options.budget
    spoken = options.json == "-"
    out = console(sys.stderr if spoken else sys.stdout)
    found: list[Found] = []
    with RunFolder(options.out) as folder, Interruption() as interruption:
        size = options.jobs or usual_jobs()
        crews = {False: LocalCrew(size), True: LocalCrew(options.jobs or _PROGRAMS * size)}
        progress = ExploreProgress(out, quiet=spoken)
        try:
            for several in work:
                mine = []
                for player, one in several:
                    progress.begins(one, player)
                    wanted = Wanted(
                        options.depth,
                        options.seed,
                        until,
                        options.time_limit,
                        tuple(options.oracles),
                        stop=lambda: bool(interruption.number),
                        told=progress.told,
                    )
                    crew: Crew = crews[one.has_programs]
                    mine.append(explore(one, player, crew, _folder(folder.path, one, player), wanted))
                progress.erase()
                if not spoken:
                    exploration_table(out, mine)
                found += mine
        finally:
            progress.erase()
            for crew in crews.values():
                crew.dismiss()
        if any(one.red for one in found):
            folder.note_red()
    if options.json:
        written(options.json, exploration_json(found))
    if interruption.number:
        return SIGNALLED + interruption.number
    return FAILED if any(one.red for one in found) else HELD


def _players(options: argparse.Namespace) -> tuple[str, tuple[str, ...]]:
    """The part that others than the lab's own play, and who: ``("", ("ours",))`` for none.  Raises UsageError."""
    given = {part: names for part in PARTS if (names := getattr(options, part))}
    if len(given) > 1:
        raise UsageError(f"say one of {' or '.join(f'--{part}' for part in given)}: one part is explored at a time")
    return next(iter(given.items())) if given else ("", (OURS,))


def _work(options: argparse.Namespace, part: str, players: tuple[str, ...]) -> Iterator[list[tuple[str, Scenario]]]:
    """Each scenario as each player has it.  Raises UsageError for one that cannot be played."""
    files = discover(options.paths).files
    as_written = cast_all(files, {}, reach(options))
    casts = {one: as_written if one == OURS else cast_all(files, {part: one}, reach(options)) for one in players}
    wanted = {id(scenario) for scenario in chosen([one.scenario for one in as_written], options)}
    for place, candidate in enumerate(as_written):
        if id(candidate.scenario) in wanted:
            yield [("" if one == OURS else one, _playable(casts[one][place])) for one in players]


def _playable(candidate: Candidate) -> Scenario:
    if why := candidate.why_not or lacking(candidate.scenario):
        raise UsageError(f"{shown(candidate.scenario.file)} cannot be explored: {why}")
    return candidate.scenario


def _folder(out: Path, scenario: Scenario, player: str) -> Path:
    """Where the runs of one exploration go."""
    who = "" if player in scenario.name else f".{player}"
    return out / re.sub(r"[^\w.-]+", "-", scenario.name + who)
