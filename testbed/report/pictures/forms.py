"""A picture of what was asked for, in the form that was asked for: the way of the mail, one connection, or all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from io import StringIO

from rich.console import Console

from testbed.errors import UsageError
from testbed.plural import count
from testbed.report.clock import Clock
from testbed.report.console import THEME
from testbed.report.ladder import ladder as ladder_in_columns
from testbed.report.pictures.canvas import Sheet
from testbed.report.pictures.carrying import carrying
from testbed.report.pictures.ladder import ladder
from testbed.report.pictures.ladder_svg import draw_ladder, ladder_svg
from testbed.report.pictures.mermaid import mermaid, mermaid_ladder
from testbed.report.pictures.svg import WIDE, draw_way, svg
from testbed.report.pictures.text import COLUMNS, text
from testbed.report.pictures.values import Way
from testbed.report.pictures.way import way
from testbed.report.rungs import packets_of_note
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection

MOST_LADDERS = 50


class Form(StrEnum):
    """How a picture is written."""

    SVG = "svg"
    MERMAID = "mermaid"
    TXT = "txt"


WAY, ALL = "way", "all"

_Seen = tuple[Analysis, Connection]


def pictured(analyses: Sequence[Analysis], form: Form, what: str, clock: Clock) -> str:
    """A picture: ``what`` is :data:`WAY`, :data:`ALL`, the number of a connection, or ``""`` for what suits.

    The way suits, unless there is but one connection to be seen.  Raises UsageError for a connection there is not.
    """
    seen = [(analysis, connection) for analysis in analyses for connection in _of_mail(analysis)]
    if not what and len(seen) == 1:
        return _alone(*seen[0], form, clock)
    if what in ("", WAY):
        return _WAYS[form](way(analyses), clock)
    if what == ALL:
        return _ALL[form](way(analyses), seen[:MOST_LADDERS], clock) + _more(form, len(seen) - MOST_LADDERS)
    return _alone(*_numbered(analyses, int(what)), form, clock)


def _of_mail(analysis: Analysis) -> list[Connection]:
    chosen = [one.connection for one in carrying(0, analysis, name_servers=False)]
    return chosen or (list(analysis.connections) if len(analysis.connections) == 1 else [])


def _numbered(analyses: Sequence[Analysis], number: int) -> _Seen:
    for analysis in analyses:
        if number in analysis.connections.numbers:
            return analysis, analysis.connections[list(analysis.connections.numbers).index(number)]
    numbers = [number for analysis in analyses for number in analysis.connections.numbers]
    there = f"there are {min(numbers)} to {max(numbers)}" if numbers else "there is none"
    raise UsageError(f"no connection has the number {number}: {there}")


def _alone(analysis: Analysis, connection: Connection, form: Form, clock: Clock) -> str:
    if form is Form.TXT:
        return ladder_text(analysis, connection)
    found = ladder(analysis, connection)
    return ladder_svg(found, clock=clock) if form is Form.SVG else mermaid_ladder(found, clock=clock)


def ladder_text(analysis: Analysis, connection: Connection) -> str:
    """The ladder as terminals have it, without colours, in :data:`testbed.report.pictures.text.COLUMNS`."""
    out = StringIO()
    console = Console(
        file=out, theme=THEME, width=COLUMNS, markup=False, highlight=False, emoji=False, color_system=None
    )
    console.print(ladder(analysis, connection).title)
    console.print(ladder_in_columns(connection, packets_of_note(analysis, connection), COLUMNS))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _all_svg(found: Way, seen: Sequence[_Seen], clock: Clock) -> str:
    sheet = Sheet(float(WIDE))
    draw_way(found, sheet, clock)
    for analysis, connection in seen:
        draw_ladder(ladder(analysis, connection), sheet, clock)
    return sheet.document(found.title, f"The way of the mail, and {count(len(seen), 'connection')}")


def _all_mermaid(found: Way, seen: Sequence[_Seen], clock: Clock) -> str:
    """Fenced, since a file of Mermaid's holds one diagram."""
    diagrams = [mermaid(found), *(mermaid_ladder(ladder(*one), clock=clock) for one in seen)]
    return "\n".join(f"```mermaid\n{diagram}```\n" for diagram in diagrams)


def _all_text(found: Way, seen: Sequence[_Seen], clock: Clock) -> str:
    return "\n".join([text(found, clock=clock), *(ladder_text(*one) for one in seen)])


def _more(form: Form, number: int) -> str:
    if number <= 0:
        return ""
    words = f"{count(number, 'more connection')} not drawn; --filter chooses connections"
    return f"<!-- {words.replace('--', '')} -->\n" if form is Form.SVG else f"\n{words}\n"


_WAYS: dict[Form, Callable[[Way, Clock], str]] = {
    Form.SVG: lambda found, clock: svg(found, clock=clock),
    Form.MERMAID: lambda found, clock: mermaid(found),
    Form.TXT: lambda found, clock: text(found, clock=clock),
}
_ALL: dict[Form, Callable[[Way, Sequence[_Seen], Clock], str]] = {
    Form.SVG: _all_svg,
    Form.MERMAID: _all_mermaid,
    Form.TXT: _all_text,
}
