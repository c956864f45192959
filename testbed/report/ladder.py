"""The ladder of one connection: phases as sections, each rung what one side said and the other answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from testbed.durations import span
from testbed.protocols.status import explain
from testbed.report.words import octets
from testbed.trace.analysis import PacketRow
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange, Reply
from testbed.trace.model.phase import Phase

_RIGHT, _LEFT, _CUT = "──▶", "◀──", "──✗"
_MOST_LINES = 4
_MOST_RUNGS = 60
_TEXT, _CLIENT_TEXT = 70, 46
_TIME, _FRAME = 9, 6


@dataclass(frozen=True, slots=True)
class _Rung:
    time_ns: int
    frame: int
    phase: Phase
    client: str
    arrow: str
    server: str
    note: str
    style: str = ""


def ladder(connection: Connection, packets: list[PacketRow], width: int, *, whole: bool = False) -> Table:
    """The ladder within ``width`` columns.

    ``packets`` are the rows worth a rung besides the dialogue.  ``whole`` cuts nothing.
    """
    client, server, note = _widths(width)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_TIME, justify="right", no_wrap=True)
    table.add_column(width=_FRAME, justify="right", no_wrap=True)
    table.add_column(width=client, justify="right", overflow="fold")
    table.add_column(width=len(_RIGHT), no_wrap=True)
    table.add_column(width=server, overflow="fold")
    table.add_column(width=note, overflow="fold")
    rungs = sorted(_rungs(connection, packets, whole), key=lambda rung: (rung.frame, rung.arrow == _LEFT))
    hidden = 0 if whole else max(0, len(rungs) - _MOST_RUNGS)
    if hidden:
        rungs = rungs[: _MOST_RUNGS // 2] + rungs[-_MOST_RUNGS // 2 :]
    sections = _sections(rungs)
    for phase in connection.phases:
        frames = f"frames {phase.first_frame}–{phase.last_frame}" if phase.packets > 1 else f"frame {phase.first_frame}"
        head = Text(str(phase.phase), f"phase.{phase.phase}", justify="left")
        lasts = Text(f"{span(phase.end_ns - phase.start_ns)}, {frames}", "quiet")
        table.add_row(head, "", "", "", lasts, "")
        for rung in sections[phase.phase]:
            table.add_row(
                Text(f"+{span(rung.time_ns - connection.start_ns)}", "quiet"),
                Text(str(rung.frame), "quiet"),
                Text(rung.client),
                Text(rung.arrow, rung.style or str(phase.phase)),
                Text(rung.server),
                Text(rung.note, rung.style or "quiet"),
            )
    if hidden:
        table.add_row("", "", "", "", Text(f"… {hidden} more rungs", "quiet"), "")
    return table


def _sections(rungs: list[_Rung]) -> dict[Phase, list[_Rung]]:
    """The rungs of each phase, in order of time: what is said when a phase has begun stands in no earlier one."""
    order = list(Phase)
    sections: dict[Phase, list[_Rung]] = {phase: [] for phase in order}
    at = 0
    for rung in rungs:
        at = max(at, order.index(rung.phase))
        sections[order[at]].append(rung)
    return sections


def _widths(width: int) -> tuple[int, int, int]:
    """Columns for what the client says, what the server says, and the note."""
    rest = max(40, width - _TIME - _FRAME - len(_RIGHT) - 6)
    note = max(15, min(34, rest // 4))
    client = min(_CLIENT_TEXT, (rest - note) * 9 // 17)
    return client, min(_TEXT, rest - note - client), note


def _rungs(connection: Connection, packets: list[PacketRow], whole: bool) -> Iterator[_Rung]:
    said = {frame for exchange in connection.exchanges for frame in exchange.frames}
    for exchange in connection.exchanges:
        yield from _exchange(connection, exchange, whole)
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
        phase = packet.phase or Phase.TRANSFER
        from_client = packet.source == client
        arrow = _CUT if packet.lost else _RIGHT if from_client else _LEFT
        left, right = (words, "") if from_client else ("", words)
        yield _Rung(packet.time_ns, packet.frame, phase, left, arrow, right, note, style)


def _exchange(connection: Connection, exchange: Exchange, whole: bool) -> Iterator[_Rung]:
    command = exchange.command
    if command is not None and command.frames:
        text = f"{command.verb} {command.argument}".strip()
        if command.verb == "message":
            text = f"message, {octets(command.octets)}" + ("" if command.whole else " (cut off)")
        note = exchange.note if exchange.reply is None else ""
        yield _Rung(
            command.time_ns,
            command.frames[-1],
            exchange.phase,
            _cut(text, whole, _CLIENT_TEXT),
            _RIGHT,
            "",
            note,
            _style(exchange.reply, exchange.note, unseen=exchange.unseen),
        )
    for reply in exchange.replies:
        lines = reply.lines if whole or len(reply.lines) <= _MOST_LINES else (*reply.lines[:_MOST_LINES], "…")
        text = f"{reply.status} {', '.join(lines)}".strip()
        latency = exchange.latency_ns if reply is exchange.reply else None
        note = explain(reply.code, reply.enhanced, reply.text) if exchange.further else exchange.note
        note = note or (span(latency) if latency and command is not None and command.frames else "")
        style = _style(reply, note)
        yield _Rung(reply.time_ns, reply.frames[-1], exchange.phase, "", _LEFT, _cut(text, whole), note, style)


def _style(reply: Reply | None, note: str, *, unseen: bool = False) -> str:
    code = reply.code if reply is not None else ""
    if reply is None and unseen:
        return "quiet"
    if reply is None or code.startswith("5") or code == "NXDOMAIN":
        return "failed"
    return "warning" if code.startswith("4") or (note and code != "NOERROR") else ""


def _cut(text: str, whole: bool, most: int = _TEXT) -> str:
    return text if whole or len(text) <= most else text[: most - 1] + "…"
