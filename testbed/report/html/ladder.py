"""The ladder of a connection with every packet in it, as the templates take it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from testbed.report.clock import elapsed
from testbed.report.rungs import Rung, by_time, in_order, packets_of_note, phase_of, places_shown
from testbed.report.words import octets
from testbed.trace.analysis import Analysis, PacketRow
from testbed.trace.model.connection import Connection
from testbed.trace.model.phase import Phase
from testbed.trace.services.table import service_of

MOST_ROWS = 240
"""Of one connection; of a longer one both ends are shown, and what findings cite."""

Kind = Literal["dialogue", "tcp", "bare"]


class Row(Struct, frozen=True):
    """One arrow.  ``dialogue`` is the service's, ``tcp`` opens, closes or disturbs, ``bare`` is any other packet.

    ``time`` is since the connection began; ``first`` tells that no row above is of the same frame; ``locked`` that TLS
    protects it.
    """

    rung: Rung
    kind: Kind
    time: str
    first: bool
    locked: bool


class Cut(Struct, frozen=True):
    """Rows that are not shown."""

    number: int
    first: int
    last: int


class Section(Struct, frozen=True):
    """A phase: what happens in it, and its rows."""

    phase: str
    about: str
    lasts_ns: int
    frames: tuple[int, int]
    rows: tuple[Row | Cut, ...]


def sections(analysis: Analysis, connection: Connection, most: int = MOST_ROWS) -> tuple[Section, ...]:
    """The phases of a connection, with ``most`` rows together, or a few more where findings cite them."""
    rows = _rows(analysis, connection)
    cited = {frame for finding in connection.findings for frame in finding.frames}
    shown = places_shown([row.rung for row in rows], cited, most)
    found: list[list[Row | Cut]] = [[] for _ in connection.phases]
    section, before = 0, -1
    for place in shown:
        hidden = rows[before + 1 : place]
        section = max(section, phase_of(connection, rows[place].rung))
        if hidden:
            found[section].append(Cut(len(hidden), hidden[0].rung.frame, hidden[-1].rung.frame))
        found[section].append(rows[place])
        before = place
    return tuple(
        Section(
            str(phase.phase),
            _about(phase.phase, connection),
            phase.end_ns - phase.start_ns,
            (phase.first_frame, phase.last_frame),
            tuple(inside),
        )
        for phase, inside in zip(connection.phases, found, strict=True)
    )


def _rows(analysis: Analysis, connection: Connection) -> list[Row]:
    of_note = in_order(connection, packets_of_note(analysis, connection))
    own = {rung.frame for rung in of_note}
    every = by_time([*of_note, *_bare(connection, analysis.packets(connection.number), own)])
    kinds: dict[int, Kind] = {id(rung): "tcp" if rung.tcp else "dialogue" for rung in of_note}
    locked, seen = _locked_from(connection), set[int]()
    rows = []
    for rung in every:
        time = f"+{elapsed(rung.time_ns - connection.start_ns)}"
        rows.append(Row(rung, kinds.get(id(rung), "bare"), time, rung.frame not in seen, rung.frame > locked))
        seen.add(rung.frame)
    return rows


def _bare(connection: Connection, packets: Iterator[PacketRow], own: Collection[int]) -> Iterator[Rung]:
    """The packets that say nothing by themselves: acknowledgements, parts of a message."""
    client = str(connection.client)
    for packet in packets:
        if packet.frame not in own:
            text = f"{packet.step}, {octets(packet.payload)}" if packet.payload else packet.flags or packet.step
            yield Rung(packet.time_ns, packet.frame, packet.source == client, text, "", "quiet", packet.lost, tcp=True)


def _locked_from(connection: Connection) -> int:
    """The last frame of TLS's handshake, behind which all is protected; that of the connection where it never ended."""
    tls = connection.tls
    never = connection.last_frame
    if tls is None or not (tls.opened or tls.sealed):
        return never
    return max((frame for frame, _, name in tls.steps if not name.startswith("alert")), default=never)


def _about(phase: Phase, connection: Connection) -> str:
    """What a student should look for in a phase."""
    word = service_of(connection.service).word or connection.service.upper()
    if connection.transport.protocol != "tcp":
        return "UDP opens and closes nothing: a question and its answer"
    match phase:
        case Phase.HANDSHAKE:
            named = f", then {word}'s own greeting" if word else ""
            return f"TCP's three segments SYN, SYN-ACK and ACK{named}"
        case Phase.TRANSFER:
            return f"{word}'s commands and replies" if word else "what was sent"
        case Phase.CLOSURE:
            named = f"{word}'s goodbye, then " if word else ""
            return f"{named}TCP's FIN and ACK from both sides, or an RST"


def cut_rows(found: Sequence[Section]) -> int:
    """How many rows are not shown."""
    return sum(row.number for section in found for row in section.rows if isinstance(row, Cut))


def shown_rows(found: Sequence[Section]) -> Iterator[Row]:
    """The rows that are shown."""
    yield from (row for section in found for row in section.rows if isinstance(row, Row))
