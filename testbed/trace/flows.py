"""Packets to flows: one flow per TCP connection or pair of UDP endpoints, in order of first packet.

Grouping is done on columns; a flow's own columns become plain lists only when it is asked for.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.parts import in_threads, parts
from testbed.pcap.table import TCP, UDP, PacketTable
from testbed.protocols.tcp import ACK, FIN, RST, SYN

CLIENT, SERVER = 0, 1

Ints = NDArray[np.int64]
Longs = NDArray[np.uint64]
_LOW = np.uint64(0xFFFFFFFF)
_FLOWS = 1 << 12  # moved together
_AT_HAND = 64  # flows that are not made again when they are asked for again
_LITTLE = 0 if sys.byteorder == "little" else 1  # which half of a long is the lower one


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
    """Rows by protocol, addresses and ports in either direction, and where each such conversation begins.

    Conversations are told apart by 64 bits of a hash: its upper half above the row's number makes one column of plain
    numbers to sort, its lower half settles the few cases in which the upper halves are the same.
    """
    ported = (table.protocol == TCP) | (table.protocol == UDP)
    rows = table.capture.rows[: len(table)] if ported.all() else np.flatnonzero(ported).astype(np.uint32)
    if not len(rows):
        return rows, np.zeros(0, np.int64)
    order, lower, new = _sorted_by_hash(table, rows)
    lower = lower[order]
    differs = lower[1:] != lower[:-1]
    differs &= ~new
    if differs.any():
        _sort_apart(order, lower, new, np.flatnonzero(differs))
        differs = lower[1:] != lower[:-1]
    new |= differs
    del lower, differs
    return _by_first(order, np.append(0, np.flatnonzero(new) + 1), rows)


def _sorted_by_hash(
    table: PacketTable, rows: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.bool_]]:
    """Places in ``rows`` by the upper half of the hash, the lower halves, and where in that order the upper changes."""
    key, lower = np.empty(len(rows), np.uint64), np.empty(len(rows), np.uint32)
    salts = [np.uint64(int.from_bytes(os.urandom(8), "big") | 1) for _ in range(3)]
    every = len(rows) == len(table)

    def fill(part: slice) -> None:
        mixed = _hash(*_endpoints(table, part if every else rows[part]), salts)
        lower[part] = mixed & _LOW
        key[part] = mixed & ~_LOW | np.arange(part.start, part.stop, dtype=np.uint64)

    deque(in_threads(fill, parts(len(rows))), 0)
    key.sort()
    halves = key.view(np.uint32).reshape(-1, 2)
    upper = halves[:, 1 - _LITTLE]
    return halves[:, _LITTLE].copy(), lower, upper[1:] != upper[:-1]


def _hash(low: Longs, high: Longs, salts: list[np.uint64]) -> Longs:
    """64 bits for each pair of numbers; secret salts, so that no capture can be made in which two pairs share them."""
    mixed = low * salts[0]
    mixed ^= mixed >> np.uint64(32)
    mixed *= salts[1]
    mixed ^= mixed >> np.uint64(29)
    mixed ^= high
    for salt in salts[1:]:
        mixed *= salt
        mixed ^= mixed >> np.uint64(32)
    return mixed


def _endpoints(table: PacketTable, rows: NDArray[np.uint32] | slice) -> tuple[Longs, Longs]:
    """The lower and the higher endpoint of each packet; protocol and IP version are part of both."""
    kind = (table.protocol[rows] == UDP).astype(np.uint64) << np.uint64(49)
    kind |= table.v6[rows].astype(np.uint64) << np.uint64(48)
    one = table.sender[rows].astype(np.uint64) << np.uint64(16) | table.source_port[rows]
    other = table.receiver[rows].astype(np.uint64) << np.uint64(16) | table.destination_port[rows]
    one |= kind
    other |= kind
    return np.minimum(one, other), np.maximum(one, other)


def _sort_apart(order: NDArray[np.uint32], lower: NDArray[np.uint32], new: NDArray[np.bool_], mixed: Ints) -> None:
    """Sorts, where the upper halves of hashes are the same, by the lower halves."""
    edges = np.concatenate(([0], np.flatnonzero(new) + 1, [len(order)]))
    for group in np.unique(np.searchsorted(edges, mixed, side="right") - 1).tolist():
        part = slice(int(edges[group]), int(edges[group + 1]))
        sorted_ = np.argsort(lower[part], kind="stable")
        order[part], lower[part] = order[part][sorted_], lower[part][sorted_]


def _by_first(order: NDArray[np.uint32], start: Ints, rows: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], Ints]:
    """Groups in order of their first packet, as rows of the table, and where each begins."""
    length = np.diff(np.append(start, len(order)))
    by_first = np.argsort(order[start], kind="stable")
    length, begin = length[by_first], start[by_first]
    now = np.cumsum(length) - length
    moved = np.empty(len(order), np.uint32)

    def move(part: slice) -> None:
        size = length[part]
        first, after = int(now[part][0]), int(now[part][-1] + size[-1])
        places = np.repeat(begin[part] - now[part], size) + np.arange(first, after)
        moved[first:after] = rows[order[places]]

    deque(in_threads(move, parts(len(length), _FLOWS)), 0)
    return moved, now


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
