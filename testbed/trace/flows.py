"""Packets to flows: one flow per TCP connection or pair of UDP endpoints, in order of first packet.

Grouping is done on columns; a flow's own columns become plain lists only when it is asked for.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from testbed.native.columns import Column, address, column
from testbed.native.library import library
from testbed.pcap.table import TCP, UDP, PacketTable
from testbed.protocols.tcp import ACK, FIN, RST, SYN

CLIENT, SERVER = 0, 1

Ints = NDArray[np.int64]
Longs = NDArray[np.uint64]
_AT_HAND = 64  # flows that are not made again when they are asked for again


class _Ends(ctypes.Structure):
    _fields_ = tuple(
        (name, Column) for name in ("protocol", "v6", "sender", "receiver", "source_port", "destination_port")
    )


class Flow(Struct, frozen=True):
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


class Flows(Sequence[Flow]):
    """All flows of a capture.

    ``order`` are the rows of the packet table, those of one flow together and in file order; a flow is the rows from
    ``start`` up to ``stop`` of it.  ``from_client`` tells whether the client sent the flow's first packet, ``repeats``
    whether its SYN is one that a RST had answered before; both have a row per flow.
    """

    def __init__(
        self,
        table: PacketTable,
        order: NDArray[np.uint32],
        start: Ints,
        stop: Ints,
        from_client: NDArray[np.bool_],
        repeats: Sequence[int],
    ) -> None:
        self.table = table
        self.order = order
        self.start = start
        self.stop = stop
        self.from_client = from_client
        self.repeats = np.isin(start, repeats)
        self._at_hand: dict[int, Flow] = {}

    def __len__(self) -> int:
        return len(self.start)

    @overload
    def __getitem__(self, number: int) -> Flow: ...
    @overload
    def __getitem__(self, number: slice) -> list[Flow]: ...
    def __getitem__(self, number: int | slice) -> Flow | list[Flow]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        if (known := self._at_hand.get(number)) is not None:
            return known
        if len(self._at_hand) == _AT_HAND:
            self._at_hand.clear()
        self._at_hand[number] = flow = self._flow(number)
        return flow

    def rows(self, number: int) -> Ints:
        """The rows of the packet table that make up a flow."""
        return self.order[self.start[number] : self.stop[number]].astype(np.int64)

    def ends(self, number: int) -> tuple[tuple[str, int], tuple[str, int]]:
        """(address, port) of a flow's client and server."""
        here, there = self.table.ends(int(self.order[self.start[number]]))
        return (here, there) if self.from_client[number] else (there, here)

    def protocols(self) -> list[int]:
        """The transport protocol of each flow."""
        protocols: list[int] = self.table.protocol[self.order[self.start]].tolist()
        return protocols

    def _flow(self, number: int) -> Flow:
        table, rows = self.table, self.rows(number)
        first = int(rows[0])
        client, server = self.ends(number)
        forward = (table.sender[rows] == table.sender[first]) & (table.source_port[rows] == table.source_port[first])
        from_client, tcp = bool(self.from_client[number]), table.protocol[first] == TCP
        zeros = [0] * len(rows)
        sequence, acknowledgement, window = (
            (column.tolist() for column in table.tcp(rows)) if tcp else (zeros, zeros, zeros)
        )
        packets = table.row[rows]
        return Flow(
            protocol=int(table.protocol[first]),
            client=client,
            server=server,
            index=rows.tolist(),
            side=np.where(forward == from_client, CLIENT, SERVER).tolist(),
            frame=table.capture.frame[packets].tolist(),
            time=table.capture.time_ns[packets].tolist(),
            sequence=sequence,
            acknowledgement=acknowledgement,
            flags=table.flags[rows].tolist(),
            window=window,
            length=table.length[rows].tolist(),
            repeats=bool(self.repeats[number]),
        )


def flows(table: PacketTable, ports: Iterable[int]) -> Flows:
    """All TCP connections and UDP flows of a capture.  ``ports`` are those where servers listen."""
    order, start = _conversations(table)
    stop = np.append(start[1:], len(order))
    repeats: list[int] = []
    splits: list[int] = []
    for number in _reused(table, order, start).tolist():
        rows = order[start[number] : stop[number]]
        for at, again in _connections(table, rows):
            splits.append(int(start[number]) + at)
            if again:
                repeats.append(splits[-1])
    if splits:
        start = np.union1d(start, splits)
        stop = np.append(start[1:], len(order))
    by_first = np.argsort(order[start], kind="stable")
    start, stop = start[by_first], stop[by_first]
    return Flows(table, order, start, stop, _from_client(table, order, start, stop, ports), repeats)


def _conversations(table: PacketTable) -> tuple[NDArray[np.uint32], Ints]:
    """Rows by the two ends they went between, in order of first rows, and where each such conversation begins."""
    native = library()
    if native is None:
        return _sorted(table)
    ends = table.protocol, table.v6, table.sender, table.receiver, table.source_port, table.destination_port
    given = _Ends(*map(column, ends))
    key = (ctypes.c_uint64 * 2).from_buffer_copy(os.urandom(16))  # so that nobody can make many that share a place
    order, start = np.empty(len(table), np.uint32), np.empty(len(table), np.int64)
    native.conversations.restype = ctypes.c_int64
    count = native.conversations(ctypes.byref(given), key, address(order), address(start))
    if count < 0:
        raise MemoryError
    ported = int(np.count_nonzero((table.protocol == TCP) | (table.protocol == UDP)))
    return order[:ported], start[:count].copy()


def _sorted(table: PacketTable) -> tuple[NDArray[np.uint32], Ints]:
    """The same without the compiled library."""
    rows = np.flatnonzero((table.protocol == TCP) | (table.protocol == UDP))
    ends = np.stack(_endpoints(table, rows), axis=1)
    _, first, pair = np.unique(ends, axis=0, return_index=True, return_inverse=True)
    place = first[pair.ravel()]  # of the first row of its conversation
    order = np.argsort(place, kind="stable")
    return rows[order].astype(np.uint32), np.flatnonzero(np.diff(place[order], prepend=-1))


def _endpoints(table: PacketTable, rows: Ints) -> tuple[Longs, Longs]:
    """The lower and the higher endpoint of each packet; protocol and IP version are part of both."""
    kind = (table.protocol[rows] == UDP).astype(np.uint64) << np.uint64(49)
    kind |= table.v6[rows].astype(np.uint64) << np.uint64(48)
    one = table.sender[rows].astype(np.uint64) << np.uint64(16) | table.source_port[rows]
    other = table.receiver[rows].astype(np.uint64) << np.uint64(16) | table.destination_port[rows]
    one |= kind
    other |= kind
    return np.minimum(one, other), np.maximum(one, other)


def _reused(table: PacketTable, order: NDArray[np.uint32], start: Ints) -> Ints:
    """The conversations that may be several connections: more than one SYN or SYN-ACK, or one where none belongs."""
    flags = table.flags[order]
    opening = np.flatnonzero((flags & (SYN | RST)) == SYN)
    owner = np.searchsorted(start, opening, side="right") - 1
    answers = flags[opening] & ACK != 0
    many = np.bincount(owner[~answers], minlength=len(start)) > 1
    many |= np.bincount(owner[answers], minlength=len(start)) > 1
    at_odds = opening > start[owner]
    at_odds[answers] = _same_sender(table, order[opening[answers]], order[start[owner[answers]]])
    many[owner[at_odds]] = True
    return np.flatnonzero(many)


def _same_sender(table: PacketTable, one: NDArray[np.uint32], other: NDArray[np.uint32]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = table.sender[one] == table.sender[other]
    same &= table.source_port[one] == table.source_port[other]
    return same


def _connections(table: PacketTable, rows: NDArray[np.uint32]) -> Iterator[tuple[int, bool]]:
    """Where in the rows of a conversation further connections begin: the same ports may be used again.

    With each comes whether its SYN is one that a RST had answered before.
    """
    if table.protocol[rows[0]] == UDP:
        return
    flags, sequence = table.flags[rows].tolist(), table.tcp(rows.astype(np.int64))[0].tolist()
    one_way = (table.sender[rows].astype(np.int64) << 16 | table.source_port[rows]).tolist()
    start, opened, over = 0, dict[int, int](), False
    for position, bits in enumerate(flags):
        if bits & SYN and not bits & RST:
            sender = one_way[position]
            other_isn = sender in opened and opened[sender] != sequence[position]
            if position > start and (other_isn or (over and not bits & ACK)):
                yield position, sender in opened and not other_isn
                start, opened, over = position, {}, False
            opened[sender] = sequence[position]
        else:
            opened.setdefault(one_way[position], (sequence[position] - 1) % 2**32)
        over = over or bool(bits & (FIN | RST))


def _from_client(
    table: PacketTable, order: NDArray[np.uint32], start: Ints, stop: Ints, ports: Iterable[int]
) -> NDArray[np.bool_]:
    """Whether the client sent a flow's first packet: told by the SYN, by the SYN-ACK, else by the ports."""
    first = order[start]
    known = np.zeros(1 << 16, np.bool_)
    known[list(ports)] = True
    serves = known[table.source_port[first]] & ~known[table.destination_port[first]]
    flags = table.flags[order]
    opening = np.flatnonzero((flags & (SYN | RST)) == SYN)
    at = np.append(opening, len(order))[np.searchsorted(opening, start)]
    told = np.flatnonzero(at < stop)
    at = at[told]
    from_client = ~serves
    from_client[told] = _same_sender(table, order[at], first[told]) != (flags[at] & ACK != 0)
    return from_client
