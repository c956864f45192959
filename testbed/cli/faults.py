"""``testbed faults``: every fault there is, with its keys."""

from __future__ import annotations

import argparse

from rich.table import Table
from rich.text import Text

from testbed.cli import HELD
from testbed.report.console import console
from testbed.scenario.fault_reference import Key, as_json, fault_kinds, when_keys


def main(options: argparse.Namespace) -> int:
    """Print the reference."""
    if options.json:
        print(as_json())
        return HELD
    out = console()
    for kind in fault_kinds():
        out.print(Text(f"{kind.where}: …", "bold"), Text(kind.about.splitlines()[0]), sep="  ")
        out.print(_table(kind.keys))
    out.print(Text("when", "bold"), Text("Of the events a fault is about, it happens to"), sep="  ")
    out.print(_table(when_keys()))
    return HELD


def _table(keys: tuple[Key, ...]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for key in keys:
        words = f" {' · '.join(key.words)}" if key.words else ""
        table.add_row(Text(key.name, "cyan"), Text.assemble(key.says, (words, "dim")))
    return table
