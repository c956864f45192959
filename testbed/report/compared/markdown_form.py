"""A comparison as Markdown: a table, and below it what was broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from testbed.protocols.text import printable
from testbed.report.compared.comparison import Cell, Comparison, Row
from testbed.report.compared.words import times
from testbed.report.words import frames


def comparison_markdown(comparison: Comparison) -> str:
    """Every row that anybody has played, and every breach."""
    rows = [row for row in comparison.rows if row.is_played]
    return "\n".join([*table(comparison, rows), "", *breaches(rows)]).rstrip() + "\n"


def table(comparison: Comparison, rows: Iterable[Row], folder: str = "") -> Iterator[str]:
    """The rows as a table; where a ``folder`` is given, scenarios lead to their files below it."""
    yield "| scenario | " + " | ".join(map(escaped, comparison.titles)) + " |"
    yield "| --- |" + " --- |" * len(comparison.titles)
    for row in rows:
        yield "| " + " | ".join((_name(row, folder), *map(_cell, row.cells))) + " |"


def breaches(rows: Sequence[Row]) -> Iterator[str]:
    """A sentence on each thing that did not hold, with the frames of its trace."""
    for row in rows:
        for cell in row.cells:
            for one in cell.breaches:
                cited = f" ({frames(one.frames)})" if one.frames else ""
                what = escaped(f"{one.what}: {one.why}")
                yield f"- **{escaped(cell.player)}**, {escaped(_title(row))}: {what}{cited}"


def _title(row: Row) -> str:
    return f"{row.title} [{row.case}]" if row.case and row.case not in row.title else row.title


def _name(row: Row, folder: str) -> str:
    title = escaped(_title(row))
    return f"[{title}]({folder}{row.file})" if folder else title


def _cell(cell: Cell) -> str:
    if not cell.tells:
        return "–" if cell.words == "skipped" else escaped(cell.words)
    mark = "❌ " if cell.breaches else ""
    return mark + escaped("; ".join(part for part in (cell.words, times(cell)) if part))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    found = printable(text)
    for special in "\\|<>*_`[]":
        found = found.replace(special, "\\" + special)
    return found
