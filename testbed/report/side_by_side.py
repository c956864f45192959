"""Two traces side by side: what corresponds stands in one row, and what differs is marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.changes import table
from testbed.report.talk_rows import GONE, NEW, OTHER, SAME, Row, told_talk
from testbed.report.timeline import account
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import Comparison
from testbed.trace.compare.values import Talk

_STYLES = {SAME: "quiet", OTHER: "warning", GONE: "failed", NEW: "held"}


def side_by_side(console: Console, before: Analysis, now: Analysis, compared: Comparison, *, whole: bool) -> None:
    """Print both traces.  ``whole`` shows what is the same, too."""
    for name, analysis in (("before", before), ("now", now)):
        line = Text.assemble((f"{name:<7}", "bold"), (printable(analysis.path), "host"))
        console.print(line.append(f"  {account(analysis)}", "quiet"))
        for problem in analysis.problems:
            console.print(Text(f"       ▲ {problem}", "warning"))
    for new, old in compared.hosts:
        told = f"       {printable(new)} is taken for what {printable(old)} was"
        console.print(Text(told, "info"))
    number = len(compared.differences)
    if compared.same:
        console.print(Text("Both say the same.", "held"))
    else:
        console.print(Text(f"\n{count(number, 'difference')}", "failed"))
        console.print(table(compared.differences, whole=whole))
    console.print()
    names = Path(before.path).name, Path(now.path).name
    for pair in compared.pairs:
        if any(pair):
            _talk(console, *pair, names, whole)


def _talk(console: Console, old: Talk | None, new: Talk | None, names: tuple[str, str], whole: bool) -> None:
    told = told_talk(old, new, whole=whole)
    style = "host" if told.mark == SAME else _STYLES[told.mark]
    console.print(Text.assemble((f"{told.mark} {printable(told.who)}", style), (f"  {told.words}".rstrip(), "quiet")))
    if told.rows:
        console.print(Padding(_table(told.rows, names, console.width - 2), (0, 0, 1, 2)))


def _table(rows: Sequence[Row], names: tuple[str, str], width: int) -> RenderableType:
    column = max(16, (width - 5) // 2)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=column, overflow="fold")
    table.add_column(width=1)
    table.add_column(width=column, overflow="fold")
    heads = (Text(printable(name), "quiet", no_wrap=True, overflow="ellipsis") for name in names)
    table.add_row(next(heads), "", next(heads))
    for left, mark, right in rows:
        style = _STYLES[mark]
        table.add_row(Text(printable(left), style), Text(mark, style), Text(printable(right), style))
    return table
