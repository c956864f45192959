"""``testbed doctor``."""

from __future__ import annotations

import argparse

from rich.table import Table
from rich.text import Text

from testbed.cli import HELD, NO_LAB
from testbed.errors import LabError
from testbed.net.machine import not_linux, this_machine
from testbed.report.console import console


def main(options: argparse.Namespace) -> int:
    """Say what this machine allows and how to grant what is missing; 3 when no lab can run in either network."""
    if elsewhere := not_linux():
        raise LabError("labs cannot run here", elsewhere)
    from testbed.net.probe import host_network, private_network, probe  # which takes what only Linux has

    table = Table.grid(padding=(0, 2, 0, 0))
    checks = probe()
    for check in checks:
        mark = Text("✓", "held") if check.ok else Text("✗", "failed" if check.needed else "skipped")
        table.add_row(mark, Text(check.name, "bold"), check.detail)
        if not check.ok:
            table.add_row("", "", Text(check.remedy, "info"))
    out = console()
    out.print(Text(f"{this_machine()}:", "quiet"))
    out.print(table)
    private, host = private_network(checks), host_network(checks)
    out.print(Text(_verdict(private, host), "held" if private else "skipped" if host else "failed"))
    return HELD if private or host else NO_LAB


def _verdict(private: bool, host: bool) -> str:
    if private:
        also = "can be run too" if host else "cannot be run"
        return f"Labs can run here, each in a private network. 'testbed run --network host' {also}."
    if host:
        return (
            "Labs can run here only on the machine's own loopback: 'testbed run --network host' skips what needs a "
            "private network, and says why. For a private network grant what is marked ✗ above."
        )
    return "Labs cannot run here."
