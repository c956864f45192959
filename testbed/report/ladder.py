"""The ladder of one connection: phases as sections, each rung what one side said and the other answered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from testbed.durations import span
from testbed.plural import count
from testbed.report.clock import elapsed
from testbed.report.rungs import Rung, in_order, phase_of, places_shown
from testbed.report.words import frame_range
from testbed.trace.analysis import PacketRow
from testbed.trace.model.connection import Connection
from testbed.trace.model.phase import PhaseSpan

_RIGHT, _LEFT, _CUT = "──▶", "◀──", "──✗"
_MOST_ROWS = 4  # of a cell
_NARROWEST = 12
_BROKEN = 6  # lines that are taken rather than to break an address
_MOST_MEASURED, _MOST_TRIED = 500, 10

_Size = tuple[int, int]


class _Columns(Struct, frozen=True):
    """How wide each is: as wide as what stands in it, and no wider than there is room."""

    time: int
    frame: int
    client: int
    server: int
    note: int


def ladder(connection: Connection, packets: list[PacketRow], width: int, *, whole: bool = False) -> Group:
    """The ladder within ``width`` columns.

    ``packets`` are the rows worth a rung besides the dialogue.  ``whole`` cuts nothing.
    """
    rungs = in_order(connection, packets, whole=whole)
    shown = (
        range(len(rungs)) if whole else places_shown(rungs, {f for found in connection.findings for f in found.frames})
    )
    columns = _columns(connection, [rungs[place] for place in shown], width)
    parts: list[RenderableType] = []
    table, section, before = _table(columns), -1, -1
    for place in shown:
        rung, hidden = rungs[place], place - before - 1
        here = max(section, phase_of(connection, rung))
        if hidden:
            parts.append(_hidden(rungs[before + 1].frame, rungs[place - 1].frame, hidden))
        if here != section:
            parts.append(_head(connection.phases[here]))
        if hidden or here != section:
            table = _table(columns)
            parts.append(table)
        _add(table, connection.phases[here], rung, _time(connection, rung), columns, whole)
        section, before = here, place
    return Group(*parts)


def _hidden(first: int, last: int, number: int) -> Text:
    return Text(f"… {count(number, 'rung')} not shown, {frame_range(first, last)}; -v shows all", "quiet")


def _head(phase: PhaseSpan) -> Text:
    lasts = f"  {span(phase.end_ns - phase.start_ns)}, {frame_range(phase.first_frame, phase.last_frame)}"
    return Text.assemble((str(phase.phase), f"phase.{phase.phase}"), (lasts, "quiet"))


def _columns(connection: Connection, rungs: Sequence[Rung], width: int) -> _Columns:
    def widest(texts: Iterator[str]) -> int:
        return max(map(cell_len, texts), default=0)

    time = widest(_time(connection, rung) for rung in rungs)
    frame = widest(str(rung.frame) for rung in rungs)
    room = max(3 * _NARROWEST, width - time - frame - len(_RIGHT) - 5)
    cells = [_sizes(rung) for rung in rungs[:_MOST_MEASURED]]
    return _Columns(time, frame, *_shares(cells, room))


def _sides(rung: Rung) -> tuple[str, str]:
    """What stands below the client, and below the server."""
    return (rung.text, "") if rung.from_client else ("", rung.text)


def _sizes(rung: Rung) -> tuple[_Size, _Size, _Size]:
    client, server = _sides(rung)
    return _size(client), _size(server), _size(rung.note)


def _size(text: str) -> _Size:
    """How long a text is, and the longest of its words."""
    length = cell_len(text)
    return length, max(map(cell_len, text.split(" ")))


def _shares(cells: Sequence[tuple[_Size, _Size, _Size]], room: int) -> tuple[int, int, int]:
    """Widths for client, server and note with which the rungs take the fewest lines; what fits is not stretched."""
    clients, servers, notes = ({cell[side][0] for cell in cells} for side in range(3))
    wanted = max(clients, default=0), max(servers, default=0), max(notes, default=0)
    if sum(wanted) <= room:
        return wanted
    words = [{cell[side][1] for cell in cells} for side in range(3)]
    tried = [
        (client, min(wanted[1], room - client - note), note)
        for client in (*_candidates(clients, room), *_candidates(words[0], room))
        for note in (*_candidates(notes, room), *_candidates(words[2], room))
        if room - client - note >= _NARROWEST
    ]
    return min(tried, key=lambda widths: sum(max(map(_lines, cell, widths)) for cell in cells))


def _candidates(lengths: Collection[int], room: int) -> list[int]:
    """Widths worth a try: those at which some more of the texts fit, the widest first."""
    fitting = sorted({max(_NARROWEST, min(length, room - 2 * _NARROWEST)) for length in lengths}, reverse=True)
    return fitting[:: max(1, len(fitting) // _MOST_TRIED)]


def _lines(size: _Size, width: int) -> float:
    """How many lines a text takes, about: words seldom fill a line; one that is broken costs what it is worth."""
    length, word = size
    return 1 if length <= width else min(_MOST_ROWS, 1.2 * length / width) + _BROKEN * (word > width)


def _table(columns: _Columns) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=columns.time, justify="right", no_wrap=True)
    table.add_column(width=columns.frame, justify="right", no_wrap=True)
    table.add_column(width=columns.client, justify="right", overflow="fold")
    table.add_column(width=len(_RIGHT), no_wrap=True)
    table.add_column(width=columns.server, overflow="fold")
    table.add_column(width=columns.note, overflow="fold")
    return table


def _add(table: Table, phase: PhaseSpan, rung: Rung, time: str, columns: _Columns, whole: bool) -> None:
    client, server = _sides(rung)
    table.add_row(
        Text(time, "quiet"),
        Text(str(rung.frame), "quiet"),
        Text(client if whole else _cut(client, columns.client)),
        Text(_CUT if rung.lost else _RIGHT if rung.from_client else _LEFT, rung.mood or str(phase.phase)),
        Text(server if whole else _cut(server, columns.server)),
        Text(rung.note, rung.mood or "quiet"),
    )


def _time(connection: Connection, rung: Rung) -> str:
    return f"+{elapsed(rung.time_ns - connection.start_ns)}"


def _cut(text: str, width: int) -> str:
    """The text as a cell of so many columns has room for it."""
    most = _MOST_ROWS * width
    return text if len(text) <= most else text[: most - 1] + "…"
