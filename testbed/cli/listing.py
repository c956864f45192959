"""``testbed list``: the scenarios of the catalogue, and those that are about something."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.table import Table
from rich.text import Text

from testbed.catalogue import CATALOGUE, located
from testbed.cli import HELD
from testbed.cli.progress import erase, write_over
from testbed.errors import UsageError
from testbed.plural import count
from testbed.report.console import console
from testbed.scenario.load import discover, load_all
from testbed.scenario.scenario import Scenario
from testbed.scenario.synonyms import meanings, mentions


def main(options: argparse.Namespace) -> int:
    """Print them, a row for each file.  Raises UsageError where none has all the words."""
    root = Path(located(CATALOGUE, "scenarios"))
    progress = console(sys.stderr)
    write_over(progress, Text("reading the catalogue …", "quiet"))
    try:
        everything = load_all(discover([root]).files)
    finally:
        erase(progress)
    wanted = [meanings(word) for word in " ".join(options.words).split()]
    found = [one for one in everything if _is_about(one, wanted, Path(one.file).relative_to(root).as_posix())]
    if not found:
        raise UsageError(f"no scenario of the catalogue is about '{' '.join(options.words)}'; try fewer words")
    files = [(Path(file).relative_to(root), [*cases]) for file, cases in groupby(found, lambda one: one.file)]
    if options.json:
        print(json.dumps([_row(path, cases) for path, cases in files], ensure_ascii=False, indent=2))
        return HELD
    out = console()
    for folder, members in groupby(files, lambda file: file[0].parent):
        out.print(Text(f"{CATALOGUE}/{folder}" if folder.name else CATALOGUE, "bold"))
        out.print(_table([*members]))
    example = files[0][0].with_suffix("").as_posix()
    out.print(f"{count(len(files), 'file')}, {count(len(found), 'scenario')}", style="quiet")
    out.print(f"to play one: testbed run {CATALOGUE}/{example}", style="quiet", highlight=False)
    return HELD


def _is_about(scenario: Scenario, wanted: Sequence[tuple[str, ...]], file: str) -> bool:
    """Whether each word, or another for the same, stands in what it says of itself."""
    told = (file, scenario.case, scenario.title, scenario.about, scenario.rfc)
    faults = (repr(fault) for fault in scenario.faults)
    text = "\n".join((*told, *(fault.describe() for fault in scenario.faults), *faults))
    return all(mentions(text, words) for words in wanted)


def _row(path: Path, cases: Sequence[Scenario]) -> dict[str, object]:
    return {
        "name": f"{CATALOGUE}/{path.with_suffix('').as_posix()}",
        "title": cases[0].title,
        "about": cases[0].about,
        "rfc": cases[0].rfc,
        "cases": [one.case for one in cases if one.case],
        "faults": [fault.describe() for fault in cases[0].faults],
    }


def _table(files: Sequence[tuple[Path, list[Scenario]]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)  # a name is to be copied
    for path, cases in files:
        more = f"  and {count(len(cases) - 1, 'case')} more" if len(cases) > 1 else ""
        table.add_row(path.stem, Text.assemble(cases[0].title, (more, "quiet")), Text(cases[0].rfc, "quiet"))
    return table
