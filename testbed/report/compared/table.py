"""A comparison for people: what differs, as a table; what was broken, sentence by sentence."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from testbed.outcome import Result
from testbed.plural import count
from testbed.protocols.text import printable, shown
from testbed.report.compared.comparison import Cell, Comparison, Row
from testbed.report.compared.words import times
from testbed.report.words import frames

_STYLES = {Result.HELD: "held", Result.FAILED: "failed", Result.SKIPPED: "skipped", Result.ERROR: "error"}


def comparison_table(out: Console, comparison: Comparison, *, whole: bool) -> None:
    """Print it; rows in which all went alike only where the ``whole`` is wanted."""
    rows = [row for row in comparison.rows if whole or (row.is_played and row.differs)]
    if rows:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("scenario", overflow="fold", ratio=2)
        for title in comparison.titles:
            table.add_column(title, overflow="fold", ratio=1)
        for row in rows:
            table.add_row(_name(row), *map(_cell, row.cells))
        out.print(table)
    for row in rows:
        for cell in row.cells:
            _breaches(out, row, cell)
    out.print(Text(_sums(comparison), "bold"))


def _name(row: Row) -> Text:
    case = f" [{printable(row.case)}]" if row.case and row.case not in row.title else ""
    return Text.assemble(printable(row.title) + case, (f"\n{shown(row.file)}", "quiet"))


def _cell(cell: Cell) -> Text:
    if not cell.tells:
        return Text(cell.words, _STYLES[cell.result])
    mark = "✗" if cell.breaches else "✓"
    return Text.assemble((f"{mark} {cell.words}", _STYLES[cell.result]), (f"\n{times(cell)}".rstrip(), "quiet"))


def _breaches(out: Console, row: Row, cell: Cell) -> None:
    for breach in cell.breaches:
        cited = f"  [{frames(breach.frames)}]" if breach.frames else ""
        where = f"{cell.player}, {printable(row.title)}"
        out.print(
            Text.assemble(("✗ ", "failed"), (f"{where}: ", "bold"), f"{breach.what}: {breach.why}", (cited, "quiet"))
        )


def _sums(comparison: Comparison) -> str:
    rows = comparison.rows
    played = [row for row in rows if row.is_played]
    differ = sum(row.differs for row in played)
    left = len(rows) - len(played)
    parts = [count(len(played), "scenario") + " compared", f"{differ} differ", f"{len(played) - differ} alike"]
    for place, player in enumerate(comparison.players):
        bad = sum(bool(row.cells[place].breaches) for row in rows)
        parts += [f"{player}: {bad} broken"] if bad else []
    return " · ".join([*parts, *([f"{left} not played by them"] if left else [])])
