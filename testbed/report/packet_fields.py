"""The fields of packets: columns, which are taken from those of the analysis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from msgspec import Struct

from testbed.report.fields import (
    COUNT,
    EPOCH,
    FLAG,
    INTEGER,
    OCTETS,
    ORDINAL,
    TEXT,
    WIRESHARK_FRAME,
    Field,
    Fields,
    array,
    one_of,
    or_null,
    written,
)
from testbed.report.packet_columns import PacketColumns, end_text, packet_columns, packet_comment, packet_step, words
from testbed.trace.analysis import PHASES, Analysis
from testbed.trace.model.phase import Phase
from testbed.trace.tcp.events import EVENTS, event_names

_ROWS = 1 << 14  # packets whose columns are turned into Python's numbers at a time


class PacketRows(Struct, frozen=True):
    """Some packets of an analysis."""

    analysis: Analysis
    part: PacketColumns

    def spelled(self, column: str, word: Callable[[int], object]) -> list[object]:
        """A column of numbers, each as what it stands for."""
        distinct, places = words(getattr(self.part, column), word)
        return [distinct[place] for place in places.tolist()]

    def comments(self) -> list[str | None]:
        """What others remarked on each."""
        return [packet_comment(self.analysis, frame) for frame in self.part.frame.tolist()]


PACKET: Fields[PacketRows] = (
    Field("frame", ORDINAL, "From 1.", source=WIRESHARK_FRAME, get="part.frame"),
    Field("time_ns", INTEGER, "When it was captured.", EPOCH, "Wireshark frame.time_epoch", get="part.time_ns"),
    Field(
        "source",
        or_null(TEXT),
        "address:port, [address]:port, or the address alone for ICMP; null if not read.",
        get=lambda rows: rows.spelled("source", partial(end_text, rows.analysis)),
    ),
    Field(
        "destination",
        or_null(TEXT),
        "address:port, [address]:port, or the address for ICMP; null if not read.",
        get=lambda rows: rows.spelled("destination", partial(end_text, rows.analysis)),
    ),
    Field("length", COUNT, "Length on the wire.", OCTETS, "Wireshark frame.len", get="part.length"),
    Field(
        "connection",
        or_null(ORDINAL),
        "Number of its connection, null for none.",
        get=lambda rows: rows.spelled("connection", lambda number: number or None),
    ),
    Field(
        "phase",
        or_null(one_of(Phase)),
        "Phase of the connection it belongs to, null for none.",
        get=lambda rows: rows.spelled("phase", PHASES.__getitem__),
    ),
    Field(
        "step",
        or_null(TEXT),
        "What it does in the dialogue, as in handshake 1/3 SYN, RCPT, 250 to RCPT; null if of no connection.",
        get=lambda rows: rows.spelled("step", partial(packet_step, rows.analysis)),
    ),
    Field(
        "tcp",
        array(one_of(EVENTS)),
        "What is unusual about it.",
        source="Wireshark tcp.analysis.*",
        get=lambda rows: rows.spelled("events", event_names),
    ),
    Field("lost", FLAG, "Whether a fault of the lab's wire destroyed it.", get="part.lost"),
    Field(
        "comment",
        or_null(TEXT),
        "The capture's comments on it, our own left out.",
        source="pcapng opt_comment",
        get=lambda rows: rows.comments(),
    ),
)
"""``get`` gives a value for each of the packets."""


def packets_json(analysis: Analysis) -> Iterator[dict[str, object]]:
    """Every packet in file order, straight from the columns."""
    for part in packet_columns(analysis, _ROWS):
        columns = written(PACKET, PacketRows(analysis, part))
        plain = (column.tolist() if isinstance(column, np.ndarray) else column for column in columns.values())
        for values in zip(*plain, strict=True):
            yield dict(zip(columns, values, strict=True))
