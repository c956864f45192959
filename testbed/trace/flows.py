"""Packets to flows: one flow per TCP connection or pair of UDP endpoints, in order of first packet.

Grouping is done on columns; a flow's own columns become plain lists only here, one flow at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from testbed.pcap.table import TCP, UDP, PacketTable
from testbed.protocols.services import is_service
from testbed.protocols.tcp import ACK, FIN, RST, SYN

CLIENT, SERVER = 0, 1


@dataclass(frozen=True, slots=True)
class Flow:
    """The packets of one connection, as columns of plain numbers in file order.

    ``index`` are rows of the packet table; ``side`` is :data:`CLIENT` where the client sent the packet.  ``client`` and
    ``server`` are (address, port).  ``repeats`` tells that its SYN is one that a RST had answered before.
    """

    protocol: int
    client: tuple[str, int]
    server: tuple[str, int]
    index: list[int]
    side: list[int]
    frame: list[int]
    time: list[int]
    sequence: list[int]
    acknowledgement: list[int]
    flags: list[int]
    window: list[int]
    length: list[int]
    repeats: bool = False

    def __len__(self) -> int:
        return len(self.index)


def flows(table: PacketTable) -> list[Flow]:
    """All TCP connections and UDP flows of a capture."""
    found = [flow for rows in _conversations(table) for flow in _split(table, rows)]
    return sorted(found, key=lambda flow: flow.frame[0])


def _conversations(table: PacketTable) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Rows that share protocol, addresses and ports in either direction."""
    rows = np.flatnonzero((table.protocol == TCP) | (table.protocol == UDP))
    if not len(rows):
        return
    one = table.source[rows] << 16 | table.source_port[rows]
    other = table.destination[rows] << 16 | table.destination_port[rows]
    endpoints, index = np.unique(np.concatenate((one, other)), return_inverse=True)
    one, other = index[: len(rows)].astype(np.int64), index[len(rows) :].astype(np.int64)
    low, high = np.minimum(one, other), np.maximum(one, other)
    key = (low * len(endpoints) + high) * 2 + (table.protocol[rows] == UDP)
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order])) + 1
    for part in np.split(order, starts):
        yield rows[part]


def _split(table: PacketTable, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[Flow]:
    """One flow per connection: the same ports may be used again."""
    if table.protocol[rows[0]] == UDP:
        yield _flow(table, rows, rows[0])
        return
    flags, sequence = table.flags[rows].tolist(), table.sequence[rows].tolist()
    one_way = (table.source[rows] << 16 | table.source_port[rows]).tolist()
    start, opened, over, repeats = 0, dict[int, int](), False, False
    for position, bits in enumerate(flags):
        if bits & SYN and not bits & RST:
            sender = one_way[position]
            other_isn = sender in opened and opened[sender] != sequence[position]
            if position > start and (other_isn or (over and not bits & ACK)):
                yield _flow(table, rows[start:position], repeats=repeats)
                start, opened, over, repeats = position, {}, False, sender in opened and not other_isn
            opened[sender] = sequence[position]
        over = over or bool(bits & (FIN | RST))
    yield _flow(table, rows[start:], repeats=repeats)


def _flow(
    table: PacketTable,
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    first: int | None = None,
    repeats: bool = False,
) -> Flow:
    if first is None:
        first = int(rows[0])
    ends = [
        (table.addresses[int(table.source[first])], int(table.source_port[first])),
        (table.addresses[int(table.destination[first])], int(table.destination_port[first])),
    ]
    source, port = int(table.source[first]), int(table.source_port[first])
    from_first = (table.source[rows] == source) & (table.source_port[rows] == port)
    protocol, flags = int(table.protocol[first]), table.flags[rows].tolist()
    swapped = _first_is_server(protocol, from_first.tolist(), flags, ends[0][1], ends[1][1])
    side = np.where(from_first != swapped, CLIENT, SERVER)
    return Flow(
        protocol=protocol,
        client=ends[swapped],
        server=ends[not swapped],
        index=rows.tolist(),
        side=side.tolist(),
        frame=table.frame[rows].tolist(),
        time=table.time_ns[rows].tolist(),
        sequence=table.sequence[rows].tolist(),
        acknowledgement=table.acknowledgement[rows].tolist(),
        flags=flags,
        window=table.window[rows].tolist(),
        length=table.length[rows].tolist(),
        repeats=repeats,
    )


def _first_is_server(protocol: int, from_first: list[bool], flags: list[int], port: int, other_port: int) -> bool:
    """Whether the first packet came from the server: by the SYN, by the SYN-ACK, else by the port."""
    if protocol == TCP:
        for mine, bits in zip(from_first, flags, strict=True):
            if bits & SYN and not bits & RST:
                return mine == bool(bits & ACK)
    return is_service(port) and not is_service(other_port)
