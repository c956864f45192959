"""What happened on every connection of a capture, without telling each one's story.

Connections that went alike are of one *kind*.  Columns find out which do; one connection of each shape is analysed
exactly, and what is understood of it holds for all.  A connection that columns cannot judge is analysed itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.table import TCP
from testbed.protocols.tcp import ACK, SYN
from testbed.trace.glance.batch import Batch, Bools, Ints, batch_numbers
from testbed.trace.glance.kind import ConnectionKind, kind_of
from testbed.trace.glance.shapes import Shapes
from testbed.trace.tcp.events import RETRANSMITTED
from testbed.trace.understanding import Understanding

_WORTH_SHARING = 8  # batches from which on several processes are quicker than one
_EXACT_TOGETHER = 512
_COLUMNS = ("start_ns", "end_ns", "client_octets", "server_octets", "retransmissions", "gaps", "rtt_ns")


@dataclass(frozen=True, slots=True)
class Summary:
    """A row for each connection of a capture, in order of their numbers.

    ``kind`` is a place in ``kinds``; times are nanoseconds since the epoch, ``rtt_ns`` is -1 where unknown.
    ``exact`` counts the connections that were analysed themselves.
    """

    kinds: tuple[ConnectionKind, ...]
    exact: int
    kind: NDArray[np.int32]
    packets: NDArray[np.int32]
    start_ns: Ints
    end_ns: Ints
    client_octets: Ints
    server_octets: Ints
    retransmissions: Ints
    gaps: Ints
    rtt_ns: Ints


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of some connections.  ``kind`` is a place in ``kinds``; ``columns`` are those of :data:`_COLUMNS`."""

    numbers: Ints
    kinds: tuple[ConnectionKind, ...]
    kind: NDArray[np.int32]
    columns: NDArray[np.int64]
    exact: int


def summarise(understanding: Understanding, jobs: int = 1) -> Summary:
    """Every connection of a capture; ``jobs`` is how many processes may share the work."""
    flows = understanding.flows
    kinds: dict[ConnectionKind, int] = {}
    kind = np.full(len(flows), -1, np.int32)
    columns = np.zeros((len(_COLUMNS), len(flows)), np.int64)
    exact = 0
    for part in _parts(understanding, jobs):
        places = np.array([kinds.setdefault(one, len(kinds)) for one in part.kinds], np.int32)
        kind[part.numbers] = places[part.kind]
        columns[:, part.numbers] = part.columns
        exact += part.exact
    packets = (flows.stop - flows.start).astype(np.int32)
    return Summary(tuple(kinds), exact, kind, packets, *columns)


def _parts(understanding: Understanding, jobs: int) -> Iterator[_Part]:
    flows = understanding.flows
    tcp = flows.table.protocol[flows.order[flows.start]] == TCP
    work = [(True, numbers) for numbers in batch_numbers(flows, np.flatnonzero(tcp))]
    others = np.flatnonzero(~tcp)
    work += [(False, others[at : at + _EXACT_TOGETHER]) for at in range(0, len(others), _EXACT_TOGETHER)]
    if jobs < 2 or len(work) < _WORTH_SHARING:
        summarising = _Summarising(understanding)
        yield from (summarising.part(*piece) for piece in work)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, get_context("fork"), _begin, (understanding,)) as pool:
        yield from pool.map(_in_child, work)


_child: _Summarising


def _begin(understanding: Understanding) -> None:
    global _child
    _child = _Summarising(understanding)


def _in_child(piece: tuple[bool, Ints]) -> _Part:
    return _child.part(*piece)


class _Summarising:
    """Summarises one part after the other; shapes once analysed are remembered."""

    def __init__(self, understanding: Understanding) -> None:
        self._understanding = understanding
        self._shapes = Shapes(understanding.flows)
        self._known: dict[tuple[int, int], ConnectionKind] = {}
        self._apart = np.zeros(len(understanding.flows), np.bool_)  # whose story columns do not show
        self._apart[[*understanding.complaints, *understanding.decrypted.flows]] = True

    def part(self, columnar: bool, numbers: Ints) -> _Part:
        """Some connections; those that are not ``columnar`` are analysed one by one."""
        kinds: dict[ConnectionKind, int] = {}
        kind = np.zeros(len(numbers), np.int32)
        columns = np.zeros((len(_COLUMNS), len(numbers)), np.int64)
        exact = np.arange(len(numbers))
        if columnar:
            batch = Batch(self._understanding.flows, numbers)
            batch.odd |= self._apart[numbers]
            shapes, events, fresh = self._shapes.of(batch)
            columns[:] = _columns(batch, events, fresh)
            regular, exact = np.flatnonzero(~batch.odd), np.flatnonzero(batch.odd)
            regular = regular[np.argsort((batch.after - batch.first)[regular], kind="stable")]  # a short one will do
            for place, shape in zip(regular.tolist(), map(tuple, shapes[regular].tolist()), strict=True):
                if shape not in self._known:
                    self._known[shape] = kind_of(self._understanding.at(int(numbers[place])))
                kind[place] = kinds.setdefault(self._known[shape], len(kinds))
        for place in exact.tolist():
            c = self._understanding.at(int(numbers[place]))
            kind[place] = kinds.setdefault(kind_of(c), len(kinds))
            rtt = -1 if c.opening.rtt_ns is None else c.opening.rtt_ns
            t = c.transport
            counts = (t.client_octets, t.server_octets, t.retransmissions, t.gaps)
            columns[:, place] = c.start_ns, c.end_ns, *counts, rtt
        return _Part(numbers, tuple(kinds), kind, columns, len(exact))


def _columns(batch: Batch, events: Ints, fresh: Bools) -> NDArray[np.int64]:
    sizes = [batch.total(np.where(fresh & (batch.server == side), batch.length, 0)) for side in (False, True)]
    return np.stack(
        (
            np.minimum.reduceat(batch.time, batch.first),
            np.maximum.reduceat(batch.time, batch.first),
            *sizes,
            batch.total(events & RETRANSMITTED != 0),
            np.zeros(len(batch.first), np.int64),
            _handshake_rtt(batch),
        )
    )


def _handshake_rtt(b: Batch) -> Ints:
    """From the SYN to the client's first packet after the SYN-ACK; -1 where there is none."""
    none = len(b.index)
    opening = b.flags & (SYN | ACK)
    syn = np.minimum.reduceat(np.where(opening == SYN, b.index, none), b.first)
    answer = np.minimum.reduceat(np.where(opening == SYN | ACK, b.index, none), b.first)
    after = ~b.server & (b.flags & SYN == 0) & (b.index > np.maximum(syn, answer)[b.flow])
    third = np.minimum.reduceat(np.where(after, b.index, none), b.first)
    known = third < none
    rtt = np.full(len(b.first), -1, np.int64)
    rtt[known] = b.time[third[known]] - b.time[syn[known]]
    return rtt
