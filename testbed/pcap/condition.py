"""In what condition packets are: whole or cut short, with a checksum that fits or not; and which are the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.checksums import UNKNOWN, transport_checksums
from testbed.pcap.records import gather
from testbed.pcap.table import PacketTable

Ints = NDArray[np.int64]

_HEADER = 20  # octets of a TCP header without options
_CHECKSUM = 16  # where it stands in a TCP header
TRUNCATED = 4
"""The packet was shorter on the wire than its IP header says; the other conditions are those of checksums."""


def conditions(table: PacketTable, rows: Ints) -> NDArray[np.uint8]:
    """The condition of some rows of the packet table, none of them fragments.

    UNKNOWN where IP options or extension headers stand before the transport header, or the capture holds but a part.
    """
    capture, data, packet = table.capture, table.capture.data, table.row[rows]
    transport, v6 = table.transport(rows), table.v6[rows]
    start = capture.offset[packet].astype(np.int64)
    ip = np.where(v6, transport - 40, transport - 20)
    plain = ip >= start
    header = gather(data, np.maximum(ip, 0), 8)
    plain &= np.where(v6, header[:, 0] >> 4 == 6, header[:, 0] == 0x45)
    words = header.view(">u2").astype(np.int64)
    total = np.where(v6, words[:, 2] + 40, words[:, 1])
    plain &= total > np.where(v6, 40, 20)  # less where the sender's card does the segmenting
    captured = start + capture.length[packet]
    on_wire = start + np.maximum(capture.length[packet], capture.original[packet])
    result = np.full(len(rows), UNKNOWN, np.uint8)
    whole = np.flatnonzero(plain & (ip + total <= captured))
    if len(whole):
        protocol = table.protocol[rows[whole]].astype(np.int64)
        ends = (ip + total)[whole], captured[whole]
        result[whole] = transport_checksums(data, protocol, v6[whole], ip[whole], transport[whole], *ends)
    result[plain & (ip + total > on_wire)] = TRUNCATED
    return result


def identifications(table: PacketTable, rows: Ints) -> Ints:
    """The IP identification of some rows; -1 where there is none (IPv6, or IP options)."""
    ip = table.transport(rows) - 20
    plain = ~table.v6[rows] & (ip >= table.capture.offset[table.row[rows]])
    header = gather(table.capture.data, np.maximum(ip, 0), 8)
    plain &= header[:, 0] == 0x45
    return np.where(plain, header.view(">u2")[:, 2].astype(np.int64), -1)


def hops_left(table: PacketTable, rows: Ints) -> Ints:
    """The TTL or hop limit of some rows; -1 behind IP options or extension headers."""
    v6 = table.v6[rows]
    ip = table.transport(rows) - np.where(v6, 40, 20)
    plain = ip >= table.capture.offset[table.row[rows]]
    header = gather(table.capture.data, np.maximum(ip, 0), 9)
    plain &= np.where(v6, header[:, 0] >> 4 == 6, header[:, 0] == 0x45)
    return np.where(plain, np.where(v6, header[:, 7], header[:, 8]).astype(np.int64), -1)


def contents(table: PacketTable, rows: Ints) -> list[tuple[int, bytes]]:
    """What two rows share only where they hold the same TCP packet, wherever on its way it was captured.

    The IP identification, and the segment without its checksum, which the sender's card may fill in later.  Of one that
    the capture has cut short, it is the header: how much there is of the rest depends on what stands before it.
    """
    whole = (table.captured(rows) == table.length[rows]).tolist()
    segments = (table.transport_octets(row) for row in rows.tolist())
    octets = (
        segment[:_CHECKSUM] + segment[_CHECKSUM + 2 : None if all_there else _HEADER]
        for segment, all_there in zip(segments, whole, strict=True)
    )
    return list(zip(identifications(table, rows).tolist(), octets, strict=True))
