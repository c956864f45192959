"""What happened on every connection of a capture, without telling each one's story.

Connections that went alike are of one *kind*.  The compiled pass finds out which do; one connection of each sort is
analysed exactly, and what is understood of it holds for all.  A connection that the pass cannot judge is analysed
itself; so are all where there is no compiled library.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from testbed.trace.glance.kind import ConnectionKind, kind_of
from testbed.trace.glance.scan import COLUMNS, Ints, scan
from testbed.trace.understanding import Understanding

_TOGETHER = 64  # connections that a process analyses before it asks for more
_WORTH_SHARING = 512  # connections from which on several processes are quicker than one


class Summary(Struct, frozen=True):
    """A row for each connection of a capture, in order of their numbers.

    ``kind`` is a place in ``kinds``, which are in order of their first connections; times are nanoseconds since the
    epoch, ``rtt_ns`` is -1 where unknown.  ``exact`` counts the connections that were analysed themselves.
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


class _Part(Struct, frozen=True):
    """Some connections, analysed.  ``kind`` is a place in ``kinds``; ``columns`` are those of :data:`COLUMNS`."""

    places: Ints
    kinds: tuple[ConnectionKind, ...]
    kind: NDArray[np.int32]
    columns: Ints


def summarise(understanding: Understanding, jobs: int = 1) -> Summary:
    """Every connection of a capture; ``jobs`` is how many processes may share the work."""
    flows = understanding.flows
    apart = np.zeros(len(flows), np.bool_)  # those whose story their own packets do not show
    apart[[*understanding.complaints, *understanding.decrypted.flows]] = True
    like, rows = scan(flows, apart)
    own = np.flatnonzero(like == np.arange(len(flows)))
    kinds: dict[ConnectionKind, int] = {}
    kind = np.zeros(len(flows), np.int32)
    for part in _analysed(understanding, own, jobs):
        numbers = np.array([kinds.setdefault(one, len(kinds)) for one in part.kinds], np.int32)
        kind[part.places] = numbers[part.kind]
        for name, column in zip(COLUMNS, part.columns, strict=True):
            rows[name][part.places] = column
    kind = kind[like]
    _, first, kind_in_order = np.unique(kind, return_index=True, return_inverse=True)
    by_first = np.argsort(first)
    place = np.empty(len(first), np.int32)
    place[by_first] = np.arange(len(first))
    known = tuple(kinds)
    in_order = tuple(known[kind[first[which]]] for which in by_first.tolist())
    packets = (flows.stop - flows.start).astype(np.int32)
    return Summary(in_order, len(own), place[kind_in_order], packets, *(rows[name] for name in COLUMNS))


def _analysed(understanding: Understanding, places: Ints, jobs: int) -> Iterator[_Part]:
    """Some connections in parts, each analysed itself."""
    parts = [places[at : at + _TOGETHER] for at in range(0, len(places), _TOGETHER)]
    if jobs < 2 or len(places) < _WORTH_SHARING:
        yield from (_part(understanding, part) for part in parts)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, get_context("fork"), _begin, (understanding,)) as pool:
        yield from pool.map(_in_child, parts)


_child: Understanding


def _begin(understanding: Understanding) -> None:
    global _child
    _child = understanding


def _in_child(places: Ints) -> _Part:
    return _part(_child, places)


def _part(understanding: Understanding, places: Ints) -> _Part:
    kinds: dict[ConnectionKind, int] = {}
    kind = np.zeros(len(places), np.int32)
    columns = np.zeros((len(COLUMNS), len(places)), np.int64)
    for at, place in enumerate(places.tolist()):
        c = understanding.at(place)
        kind[at] = kinds.setdefault(kind_of(c), len(kinds))
        rtt = -1 if c.opening.rtt_ns is None else c.opening.rtt_ns
        t = c.transport
        columns[:, at] = c.start_ns, c.end_ns, t.client_octets, t.server_octets, t.retransmissions, t.gaps, rtt
    return _Part(places, tuple(kinds), kind, columns)
