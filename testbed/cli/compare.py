"""``testbed compare``: the same scenarios, each with several programs in one part."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from testbed.cli import FAILED, HELD, SIGNALLED
from testbed.cli.choose import chosen
from testbed.cli.labs import labs
from testbed.cli.progress import Progress
from testbed.cli.run_outputs import written
from testbed.cli.untrusted import reach
from testbed.errors import LabError, UsageError
from testbed.interruption import Interruption
from testbed.outcome import Outcome, Result, conclude
from testbed.played import Played
from testbed.report.annotate import annotated
from testbed.report.compared.comparison import OURS, Cell, Comparison, Row, broken, cell
from testbed.report.compared.json_form import comparison_json
from testbed.report.compared.markdown_form import comparison_markdown
from testbed.report.compared.table import comparison_table
from testbed.report.console import console
from testbed.run_folder import RunFolder
from testbed.scenario.casting import Candidate, cast_all
from testbed.scenario.load import discover
from testbed.scenario.scenario import Scenario
from testbed.subjects.installed import find
from testbed.subjects.parts import PARTS
from testbed.subjects.subject import subjects


def _html(found: Comparison) -> str:
    from testbed.report.html.compared import comparison_html

    return comparison_html(found)


_FORMS = {"json": comparison_json, "markdown": comparison_markdown, "html": _html}
_Place = tuple[int, str]  # the row, and the player


def main(options: argparse.Namespace) -> int:
    """Play everything with everybody, and say what differs.  Raises UsageError, ScenarioError, LabError."""
    part, players, others = _cast(options)
    files = discover(options.paths).files
    casts = {one: {name: who for name, who in {**others, part: one}.items() if who != OURS} for one in players}
    candidates = {one: cast_all(files, casts[one], reach(options)) for one in players}
    as_written = cast_all(files, {}, reach(options))
    wanted = {id(s) for s in chosen([one.scenario for one in as_written], options)}
    rows = [place for place, one in enumerate(as_written) if id(one.scenario) in wanted]
    outputs = {form: value for form in _FORMS if (value := getattr(options, form)) is not None}
    out = console(sys.stderr if "-" in outputs.values() else sys.stdout)
    with RunFolder(options.keep) as folder, Interruption() as interruption:
        work = {(row, one): candidates[one][row] for row in rows for one in players}
        cells = _play(work, part, options, out, interruption, folder.path)
        found = Comparison(
            part,
            players,
            tuple(map(_title, players)),
            tuple(_row(as_written[row].scenario, [cells.get((row, one)) for one in players], players) for row in rows),
        )
        if "-" not in outputs.values():
            comparison_table(out, found, whole=options.verbose)
        for form, file in outputs.items():
            written(file, _FORMS[form](found))
    if interruption.number:
        return SIGNALLED + interruption.number
    return FAILED if broken(found.rows) else HELD


def _cast(options: argparse.Namespace) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """The part that is compared, who plays it, and who plays the others throughout.  Raises UsageError."""
    given = {part: players for part in PARTS if (players := getattr(options, part))}
    several = [part for part, players in given.items() if len(players) > 1]
    if len(several) != 1:
        wanted = " or ".join(f"--{part}" for part in PARTS)
        raise UsageError(f"say which two or more are compared in one part: {wanted}, such as '--relay {OURS},postfix'")
    part = several[0]
    return part, given[part], {other: players[0] for other, players in given.items() if other != part}


def _play(
    work: dict[_Place, Candidate],
    part: str,
    options: argparse.Namespace,
    out: Console,
    interruption: Interruption,
    folder: Path,
) -> dict[_Place, Cell]:
    """What each player made of each scenario, however far it comes.  Raises LabError where no lab can be run."""
    scenarios = [candidate.scenario for candidate in work.values()]
    why_not = {id(candidate.scenario): candidate.why_not for candidate in work.values()}
    place_of = {id(candidate.scenario): place for place, candidate in work.items()}
    progress = Progress(out, len(scenarios))
    found: dict[_Place, Cell] = {}
    traces = [(one.scenario, _trace(folder, place, one)) for place, one in work.items()]
    with (
        labs(options, scenarios, interruption, progress, why_not=lambda scenario: why_not[id(scenario)]) as played,
        progress,
    ):
        for outcome, told in played.accounts(traces, partial(_judged, options.time_limit, part)):
            if outcome.played.no_lab:
                raise LabError(outcome.played.error)
            place = place_of[id(outcome.scenario)]
            found[place] = replace(told, player=place[1])
            progress.ended(outcome)
    return found


def _judged(time_limit_s: float, part: str, played: Played) -> tuple[Outcome, Cell]:
    """What became of it, and the cell of a player that nobody here knows."""
    outcome = annotated(conclude(played, time_limit_s))
    return outcome, cell("", outcome, _hosts(played.scenario, part))


def _trace(folder: Path, place: _Place, candidate: Candidate) -> Path:
    row, player = place
    return folder / f"{row + 1:03}-{candidate.scenario.name}{'' if player != OURS else '.' + OURS}.pcapng"


def _hosts(scenario: Scenario, part: str) -> list[str]:
    return [name for name, host in scenario.hosts.items() if host.role == PARTS[part]]


def _row(scenario: Scenario, cells: list[Cell | None], players: tuple[str, ...]) -> Row:
    missing = partial(Cell, result=Result.SKIPPED, words="skipped", why="the run ended before its turn")
    told = tuple(one if one is not None else missing(player) for player, one in zip(players, cells, strict=True))
    return Row(scenario.file, scenario.case, scenario.title, scenario.rfc, told)


def _title(player: str) -> str:
    if player == OURS:
        return "the lab's own"
    found = find(subjects()[player])
    return f"{subjects()[player].title} {found.version if found is not None else ''}".rstrip()
