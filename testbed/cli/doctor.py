"""``testbed doctor``."""

from __future__ import annotations

import argparse

from rich.table import Table
from rich.text import Text

from testbed.cli import HELD, NO_LAB
from testbed.net.probe import probe
from testbed.report.console import console


def main(options: argparse.Namespace) -> int:
    """Say what this machine allows and how to grant what is missing; 3 when no lab can run."""
    table = Table.grid(padding=(0, 2, 0, 0))
    checks = probe()
    for check in checks:
        mark = Text("✓", "held") if check.ok else Text("✗", "failed" if check.needed else "skipped")
        table.add_row(mark, Text(check.name, "bold"), check.detail)
        if not check.ok:
            table.add_row("", "", Text(check.remedy, "info"))
    out = console()
    out.print(table)
    labs = all(check.ok for check in checks if check.needed)
    out.print(Text("Labs can run here." if labs else "Labs cannot run here.", "held" if labs else "failed"))
    return HELD if labs else NO_LAB
