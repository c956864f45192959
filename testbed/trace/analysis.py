"""The analysis of a whole capture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.capture import Capture
from testbed.pcap.table import PacketTable
from testbed.protocols.tcp import flag_names
from testbed.trace.model import Connection, Finding, LogEntry, Phase
from testbed.trace.tcp_events import event_names

PHASES = (None, Phase.HANDSHAKE, Phase.TRANSFER, Phase.CLOSURE)
LOST_INTERFACE = "lost"
ANNOTATION = "testbed: "
"""Begins the comments we write ourselves; they are made anew, not repeated."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What was understood of each row of the packet table.

    ``connection`` is its number, 0 for none; ``phase`` an index into :data:`PHASES`; ``events`` a mask of
    :class:`testbed.trace.tcp_events.Event`; ``step`` an index into ``steps``.
    """

    connection: NDArray[np.int32]
    phase: NDArray[np.int8]
    events: NDArray[np.int16]
    step: NDArray[np.int32]
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PacketRow:
    """One packet with its label.  Lengths are octets on the wire; ``connection`` is None where it belongs to none."""

    frame: int
    time_ns: int
    source: str
    destination: str
    length: int
    payload: int
    connection: int | None
    phase: Phase | None
    step: str
    tcp: tuple[str, ...]
    flags: str
    lost: bool
    comment: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything the inspector understood of a capture."""

    path: str
    frames: int
    start_ns: int
    end_ns: int
    names: dict[str, str]
    connections: tuple[Connection, ...]
    log: tuple[LogEntry, ...]
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    capture: Capture
    table: PacketTable
    labels: Labels

    def packets(self, connection: int | None = None) -> Iterator[PacketRow]:
        """Every packet in file order, or those of one connection; made one at a time."""
        if connection is not None:
            for at in np.flatnonzero(self.labels.connection == connection).tolist():
                yield self._packet(int(self.table.row[at]), at)
            return
        at = 0  # the table's rows are in file order too
        for row in range(len(self.capture.frame)):
            if at < len(self.table) and self.table.row[at] == row:
                yield self._packet(row, at)
                at += 1
            else:
                yield self._packet(row, None)

    def _packet(self, row: int, at: int | None) -> PacketRow:
        capture, table, labels = self.capture, self.table, self.labels
        frame = int(capture.frame[row])
        lost = capture.interfaces[int(capture.interface[row])].name == LOST_INTERFACE
        if at is None:
            source = destination = flags = ""
            number, phase, step, events, payload = 0, None, "", 0, 0
        else:
            source = _end(table.addresses[int(table.source[at])], int(table.source_port[at]))
            destination = _end(table.addresses[int(table.destination[at])], int(table.destination_port[at]))
            number, phase = int(labels.connection[at]), PHASES[int(labels.phase[at])]
            step, events = labels.steps[int(labels.step[at])], int(labels.events[at])
            flags = flag_names(int(table.flags[at])) if table.protocol[at] == 6 else ""
            payload = int(table.length[at])
        return PacketRow(
            frame=frame,
            time_ns=int(capture.time_ns[row]),
            source=source,
            destination=destination,
            length=int(capture.original[row]),
            payload=payload,
            connection=number or None,
            phase=phase,
            step=step,
            tcp=event_names(events),
            flags=flags,
            lost=lost,
            comment="; ".join(c for c in capture.comments.get(frame, ()) if not c.startswith(ANNOTATION)),
        )


def _end(address: str, port: int) -> str:
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
