"""The way of the mail of captures: who handed it to whom, when, and what became of it.

It is built from what the packets show, so a stranger's capture is told as one of a lab; the log of a lab only adds
marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.pictures.arrows import arrow
from testbed.report.pictures.carrying import carrying, not_looked_at
from testbed.report.pictures.ends import ends
from testbed.report.pictures.folds import folded
from testbed.report.pictures.lanes import Lanes
from testbed.report.pictures.marks import Struck, marks
from testbed.report.pictures.values import MOST_ENDS, Arrow, Fold, Row, Way
from testbed.trace.analysis import Analysis

MOST_ROWS = 60


def way(analyses: Sequence[Analysis], *, name_servers: bool = False) -> Way:
    """The way of the mail of one or more captures; ``name_servers`` shows the questions that went well, too."""
    found = [
        one for place, analysis in enumerate(analyses) for one in carrying(place, analysis, name_servers=name_servers)
    ]
    lanes = Lanes(found)
    struck = [Struck(analysis.log) for analysis in analyses]
    rows: list[Row] = [arrow(one, lanes, struck[one.capture].on(one.connection)) for one in found]
    rows += [mark for place, analysis in enumerate(analyses) for mark in marks(struck[place].rest(analysis.log), lanes)]
    shown, hidden = _cut(folded(sorted(rows, key=lambda row: row.time_ns)))
    left = not_looked_at(analyses)
    fates = [end for analysis in analyses for end in ends(analysis)]
    return Way(
        title=_title(analyses),
        captures=tuple(printable(Path(analysis.path).name) for analysis in analyses),
        start_ns=min((one.connection.start_ns for one in found), default=0),
        end_ns=max((one.connection.end_ns for one in found), default=0),
        lanes=lanes.lanes,
        rows=tuple(shown),
        ends=tuple(fates),
        omitted="; ".join(_omitted(left, hidden, len(fates) - MOST_ENDS)),
        whole=not left,
    )


def _title(analyses: Sequence[Analysis]) -> str:
    """What a lab calls it, else the files."""
    for analysis in analyses:
        started = next((entry for entry in analysis.log[:1] if analysis.lab is not None), None)
        if started is not None:
            return started.message.removeprefix("scenario: ")
    return ", ".join(printable(Path(analysis.path).name) for analysis in analyses[:3])


def _cut(rows: list[Row]) -> tuple[list[Row], int]:
    """Both ends of a long way, and how many rows lie between."""
    if len(rows) <= MOST_ROWS:
        return rows, 0
    half = MOST_ROWS // 2
    between = rows[half : len(rows) - half]
    where = [(row.capture, row.connection) for row in between if isinstance(row, Arrow)]
    where += [place for row in between if isinstance(row, Fold) for place in row.connections]
    cut = Fold(between[0].time_ns, rows[-half].time_ns, connections=tuple(where))
    return [*rows[:half], cut, *rows[-half:]], len(where)


def _omitted(connections: int, arrows: int, fates: int) -> Iterator[str]:
    if connections:
        yield f"{count(connections, 'connection')} more were not looked at"
    if arrows:
        yield f"{count(arrows, 'connection')} in the middle are not drawn"
    if fates > 0:
        yield f"what became of mail for {count(fates, 'more recipient')} is not shown"
