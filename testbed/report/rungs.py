"""The rungs of a connection's ladder: what one side said, what the other answered, what TCP did besides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from testbed.durations import SECOND, span
from testbed.protocols.status import explain
from testbed.report.words import octets
from testbed.trace.analysis import Analysis, PacketRow
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Exchange, Reply
from testbed.trace.tcp.copies import COPY

_MOST_RUNGS = 60
_MOST_LINES = 4
_MOST_CITED = 60
_WORTH = ("handshake", "FIN", "RST", "ICMP", "PROXY header")

Mood = Literal["", "failed", "warning", "lost", "quiet"]
"""How a rung went; ``quiet`` where the capture does not show it."""


class Rung(Struct, frozen=True):
    """One arrow between client and server: a command, a reply, or a packet of note.

    ``note`` says what it means or how long it took.  ``lost`` never arrived; ``tcp`` is TCP's own work (SYN, FIN, a
    retransmission …), no word of the service.
    """

    time_ns: int
    frame: int
    from_client: bool
    text: str
    note: str
    mood: Mood = ""
    lost: bool = False
    tcp: bool = False


def rungs(analysis: Analysis, connection: Connection, *, whole: bool = False) -> list[Rung]:
    """Every rung of a connection in order of time; ``whole`` cuts no reply of many lines."""
    return in_order(connection, packets_of_note(analysis, connection), whole=whole)


def in_order(connection: Connection, packets: Sequence[PacketRow], *, whole: bool = False) -> list[Rung]:
    """Dialogue and packets.  What is said stands where it was said, such as a greeting said again in the middle."""
    return by_time(_all(connection, packets, whole))


def by_time(found: Iterable[Rung]) -> list[Rung]:
    """By time; by frame where the clock was set back, for nothing else tells their order then."""
    by_frame = sorted(found, key=lambda rung: rung.frame)
    back = max((one.time_ns - other.time_ns for one, other in pairwise(by_frame)), default=0)
    return by_frame if back > SECOND else sorted(by_frame, key=lambda rung: rung.time_ns)


def places_shown(found: Sequence[Rung], cited: Collection[int], most: int = _MOST_RUNGS) -> list[int]:
    """The places of those that are shown of a long ladder: both ends, and what findings cite, with its neighbours."""
    half, number = most // 2, len(found)
    ends = {*range(min(half, number)), *range(max(0, number - half), number)}
    places = [place for place, rung in enumerate(found) if rung.frame in cited and place not in ends]
    near = {place + by for place in places[:_MOST_CITED] for by in (-1, 0, 1)}
    return sorted(ends | near)


def phase_of(connection: Connection, rung: Rung) -> int:
    """Which of the connection's phases a rung stands in."""
    return max(0, sum(phase.first_frame <= rung.frame for phase in connection.phases) - 1)


def packets_of_note(analysis: Analysis, connection: Connection) -> list[PacketRow]:
    """The packets worth a rung of their own: those that open, close or disturb."""
    if connection.transport.protocol != "tcp" and connection.opening.handshake is not Handshake.UNREACHABLE:
        return []
    return [packet for packet in analysis.packets(connection.number) if packet.step != COPY and _is_worth_it(packet)]


def _is_worth_it(packet: PacketRow) -> bool:
    if packet.tcp or packet.lost or packet.comment:
        return True
    return packet.step.startswith(_WORTH) or packet.step.endswith(_WORTH)


def _all(connection: Connection, packets: Sequence[PacketRow], whole: bool) -> Iterator[Rung]:
    said = {frame for exchange in connection.exchanges for frame in exchange.frames}
    for exchange in connection.exchanges:
        yield from _exchange(exchange, whole)
    client = str(connection.client)
    for packet in packets:
        if packet.frame in said and not packet.tcp and not packet.lost:
            continue
        events = ", ".join(name.replace("_", " ") for name in packet.tcp)
        yield Rung(
            packet.time_ns,
            packet.frame,
            from_client=packet.source == client,
            text=f"{packet.step}, {octets(packet.payload)}" if packet.payload else (packet.flags or packet.step),
            note="; ".join(part for part in (events, packet.comment) if part),
            mood="lost" if packet.lost or "RST" in packet.flags else "warning" if events else "",
            lost=packet.lost,
            tcp=True,
        )


def _exchange(exchange: Exchange, whole: bool) -> Iterator[Rung]:
    command = exchange.command
    if command is not None and command.frames:
        text = f"{command.verb} {command.argument}".strip()
        if command.verb == "message":
            text = f"message, {octets(command.octets)}" + ("" if command.whole else " (cut off)")
        elif exchange.result is not None and exchange.result.asked_with:
            text += f" ({exchange.result.asked_with})"
        note = exchange.note if exchange.reply is None else ""
        mood = _mood(exchange.reply, exchange.note, unseen=exchange.unseen)
        yield Rung(command.time_ns, command.frames[-1], from_client=True, text=text, note=note, mood=mood)
    for reply in exchange.replies:
        lines = [line for line in reply.lines if line]
        lines = lines if whole or len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], "…"]
        text = f"{reply.status} {', '.join(lines)}".strip().replace("., ", ". ")
        waited = exchange.waited_ns if reply is exchange.reply else None
        note = explain(reply.code, reply.enhanced, reply.text) if exchange.further else exchange.note
        mood = _mood(reply, note)
        note = note or (span(waited) if waited and command is not None and command.frames else "")
        yield Rung(reply.end_ns, reply.frames[-1], from_client=False, text=text, note=note, mood=mood)


def _mood(reply: Reply | None, note: str, *, unseen: bool = False) -> Mood:
    code = reply.code if reply is not None else ""
    if reply is None and unseen:
        return "quiet"
    if reply is None or code.startswith("5") or code == "NXDOMAIN":
        return "failed"
    return "warning" if code.startswith("4") or (note and code != "NOERROR") else ""
