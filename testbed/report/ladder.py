"""The ladder of one connection: phases as sections, each rung what one side said and the other answered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from testbed.durations import SECOND, span
from testbed.plural import count
from testbed.protocols.status import explain
from testbed.report.clock import elapsed
from testbed.report.words import frame_range, octets
from testbed.trace.analysis import PacketRow
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange, Reply
from testbed.trace.model.phase import PhaseSpan

_RIGHT, _LEFT, _CUT = "──▶", "◀──", "──✗"
_MOST_LINES = 4
_MOST_RUNGS = 60
_MOST_CITED = 60
_MOST_ROWS = 4  # of a cell
_NARROWEST = 12
_MOST_MEASURED, _MOST_TRIED = 500, 10

_Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Rung:
    time_ns: int
    frame: int
    client: str
    arrow: str
    server: str
    note: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class _Columns:
    """How wide each is: as wide as what stands in it, and no wider than there is room."""

    time: int
    frame: int
    client: int
    server: int
    note: int


def ladder(connection: Connection, packets: list[PacketRow], width: int, *, whole: bool = False) -> Group:
    """The ladder within ``width`` columns.

    ``packets`` are the rows worth a rung besides the dialogue.  ``whole`` cuts nothing.  The rungs are in order of
    time, whatever they belong to: a greeting said again in the middle stands there.
    """
    rungs = _in_order(_rungs(connection, packets, whole))
    shown = range(len(rungs)) if whole else _shown(rungs, {f for found in connection.findings for f in found.frames})
    columns = _columns(connection, [rungs[place] for place in shown], width)
    parts: list[RenderableType] = []
    table, section, before = _table(columns), -1, -1
    for place in shown:
        rung, hidden = rungs[place], place - before - 1
        here = max(section, _section(connection, rung))
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


def _section(connection: Connection, rung: _Rung) -> int:
    """Which phase a rung stands in."""
    return max(0, sum(phase.first_frame <= rung.frame for phase in connection.phases) - 1)


def _in_order(rungs: Iterator[_Rung]) -> list[_Rung]:
    """By time; by frame where the clock was set back meanwhile, for nothing else tells their order then."""
    by_frame = sorted(rungs, key=lambda rung: rung.frame)
    back = max((one.time_ns - other.time_ns for one, other in pairwise(by_frame)), default=0)
    return by_frame if back > SECOND else sorted(by_frame, key=lambda rung: rung.time_ns)


def _shown(rungs: Sequence[_Rung], cited: Collection[int]) -> list[int]:
    """The places of those that are shown of a long ladder: both ends, and what findings cite, with its neighbours."""
    half, number = _MOST_RUNGS // 2, len(rungs)
    ends = {*range(min(half, number)), *range(max(0, number - half), number)}
    places = [place for place, rung in enumerate(rungs) if rung.frame in cited and place not in ends]
    near = {place + by for place in places[:_MOST_CITED] for by in (-1, 0, 1)}
    return sorted(ends | near)


def _hidden(first: int, last: int, number: int) -> Text:
    return Text(f"… {count(number, 'rung')} not shown, {frame_range(first, last)}; -v shows all", "quiet")


def _head(phase: PhaseSpan) -> Text:
    lasts = f"  {span(phase.end_ns - phase.start_ns)}, {frame_range(phase.first_frame, phase.last_frame)}"
    return Text.assemble((str(phase.phase), f"phase.{phase.phase}"), (lasts, "quiet"))


def _columns(connection: Connection, rungs: Sequence[_Rung], width: int) -> _Columns:
    def widest(texts: Iterator[str]) -> int:
        return max(map(cell_len, texts), default=0)

    time = widest(_time(connection, rung) for rung in rungs)
    frame = widest(str(rung.frame) for rung in rungs)
    room = max(3 * _NARROWEST, width - time - frame - len(_RIGHT) - 5)
    cells = [(_size(rung.client), _size(rung.server), _size(rung.note)) for rung in rungs[:_MOST_MEASURED]]
    return _Columns(time, frame, *_shares(cells, room))


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
    tried = [
        (client, min(wanted[1], room - client - note), note)
        for client in _candidates(clients, room)
        for note in _candidates(notes, room)
        if room - client - note >= _NARROWEST
    ]
    return min(tried, key=lambda widths: sum(max(map(_lines, cell, widths)) for cell in cells))


def _candidates(lengths: Collection[int], room: int) -> list[int]:
    """Widths worth a try: those at which some more of the texts fit, the widest first."""
    fitting = sorted({max(_NARROWEST, min(length, room - 2 * _NARROWEST)) for length in lengths}, reverse=True)
    return fitting[:: max(1, len(fitting) // _MOST_TRIED)]


def _lines(size: _Size, width: int) -> float:
    """How many lines a text takes, about: words seldom fill a line, and one that is broken is hard to read."""
    length, word = size
    return 1 if length <= width else min(_MOST_ROWS, 1.2 * length / width) + (word > width)


def _table(columns: _Columns) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=columns.time, justify="right", no_wrap=True)
    table.add_column(width=columns.frame, justify="right", no_wrap=True)
    table.add_column(width=columns.client, justify="right", overflow="fold")
    table.add_column(width=len(_RIGHT), no_wrap=True)
    table.add_column(width=columns.server, overflow="fold")
    table.add_column(width=columns.note, overflow="fold")
    return table


def _add(table: Table, phase: PhaseSpan, rung: _Rung, time: str, columns: _Columns, whole: bool) -> None:
    table.add_row(
        Text(time, "quiet"),
        Text(str(rung.frame), "quiet"),
        Text(rung.client if whole else _cut(rung.client, columns.client)),
        Text(rung.arrow, rung.style or str(phase.phase)),
        Text(rung.server if whole else _cut(rung.server, columns.server)),
        Text(rung.note, rung.style or "quiet"),
    )


def _time(connection: Connection, rung: _Rung) -> str:
    return f"+{elapsed(rung.time_ns - connection.start_ns)}"


def _rungs(connection: Connection, packets: list[PacketRow], whole: bool) -> Iterator[_Rung]:
    said = {frame for exchange in connection.exchanges for frame in exchange.frames}
    for exchange in connection.exchanges:
        yield from _exchange(exchange, whole)
    client = str(connection.client)
    for packet in packets:
        if packet.frame in said and not packet.tcp and not packet.lost:
            continue
        events = ", ".join(name.replace("_", " ") for name in packet.tcp)
        note = "; ".join(part for part in (events, packet.comment) if part)
        style = "lost" if packet.lost or "RST" in packet.flags else "warning" if events else ""
        words = packet.step if not packet.flags else packet.flags
        if packet.payload:
            words = f"{packet.step}, {octets(packet.payload)}"
        from_client = packet.source == client
        arrow = _CUT if packet.lost else _RIGHT if from_client else _LEFT
        left, right = (words, "") if from_client else ("", words)
        yield _Rung(packet.time_ns, packet.frame, left, arrow, right, note, style)


def _exchange(exchange: Exchange, whole: bool) -> Iterator[_Rung]:
    command = exchange.command
    if command is not None and command.frames:
        text = f"{command.verb} {command.argument}".strip()
        if command.verb == "message":
            text = f"message, {octets(command.octets)}" + ("" if command.whole else " (cut off)")
        note = exchange.note if exchange.reply is None else ""
        style = _style(exchange.reply, exchange.note, unseen=exchange.unseen)
        yield _Rung(command.time_ns, command.frames[-1], text, _RIGHT, "", note, style)
    for reply in exchange.replies:
        lines = [line for line in reply.lines if line]
        lines = lines if whole or len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], "…"]
        text = f"{reply.status} {', '.join(lines)}".strip().replace("., ", ". ")
        waited = exchange.waited_ns if reply is exchange.reply else None
        note = explain(reply.code, reply.enhanced, reply.text) if exchange.further else exchange.note
        style = _style(reply, note)
        note = note or (span(waited) if waited and command is not None and command.frames else "")
        yield _Rung(reply.end_ns, reply.frames[-1], "", _LEFT, text, note, style)


def _style(reply: Reply | None, note: str, *, unseen: bool = False) -> str:
    code = reply.code if reply is not None else ""
    if reply is None and unseen:
        return "quiet"
    if reply is None or code.startswith("5") or code == "NXDOMAIN":
        return "failed"
    return "warning" if code.startswith("4") or (note and code != "NOERROR") else ""


def _cut(text: str, width: int) -> str:
    """The text as a cell of so many columns has room for it."""
    most = _MOST_ROWS * width
    return text if len(text) <= most else text[: most - 1] + "…"
