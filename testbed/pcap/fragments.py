"""IP fragments put together again (RFC 791 §3.2, RFC 8200 §4.5).

Fragments are few, so they are walked one by one; but no octet is copied before its datagram is whole.  A datagram is
known by addresses and identification, in IPv4 by its protocol too.  What is no fragment by the RFCs (cut short by the
capture, no multiple of eight octets though more follow, past 65,535 octets, empty) takes no part.

Overlapping fragments: an IPv6 datagram is dropped with all its fragments, also those still to come (RFC 5722); in
IPv4 the octets that came first stay.  A fragment equal to one already there is only a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from testbed.durations import MINUTE
from testbed.pcap.records import gather

Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]

_TIME_LIMIT_NS = MINUTE  # RFC 8200 §4.5; RFC 1122 §3.3.2 gives IPv4 60 to 120 s
_MOST_OCTETS = 65_535
_MOST_DATAGRAMS = 4_096
_MOST_PIECES = 1 << 18  # of all datagrams in progress; at the usual 1,480 octets that is some 370 MB
_MOST_REMEMBERED = 64  # pieces of a whole datagram, kept to know late copies; one of 64 KiB has 45
_BATCH = 1 << 14
_BLOCK = 8  # octets, the unit of offsets
_IPV6_HEADER, _FRAGMENT_HEADER = 40, 8
_MORE, _OFFSET = 0x2000, 0x1FFF


class Fragments(Struct, frozen=True):
    """The datagrams that became whole, in the order they did.

    ``row`` is the capture's row of the fragment that made each whole.  Its octets lie in ``data`` from ``offset``,
    ``length`` of them, and begin with an IP header that knows nothing of fragments; behind it come ``pieces``: where
    each lies in the capture's data, from and up to.  ``incomplete`` counts the fragments of datagrams that did not
    become whole, ``overlapping`` the fragments that overlapped another.
    """

    row: Ints
    data: Octets
    offset: Ints
    length: Ints
    incomplete: int
    overlapping: int
    pieces: tuple[tuple[tuple[int, int], ...], ...] = ()

    def __len__(self) -> int:
        return len(self.row)

    def octets(self, number: int) -> bytes:
        """One datagram, from its IP header on."""
        start = int(self.offset[number])
        return self.data[start : start + int(self.length[number])].tobytes()

    def problems(self) -> Iterator[str]:
        """Sentences on what was left out, or is in doubt."""
        if self.incomplete:
            yield f"{self.incomplete} IP fragments belong to datagrams that are not whole and are left out"
        if self.overlapping:
            yield (
                f"{self.overlapping} IP fragments overlap others: such an IPv6 datagram is left out, "
                "of an IPv4 datagram the octets that came first are kept"
            )


def reassemble_fragments(
    data: Octets, row: Ints, time_ns: Ints, ip: Ints, end: Ints, v6: NDArray[np.bool_], header: Ints
) -> Fragments:
    """Put fragments together.

    ``data`` is the capture's.  The other columns have one row per fragment, in file order: ``row`` in the capture,
    ``time_ns``, where the IP header begins, where the captured octets of the packet end, whether it is IPv6, and
    where the fragment header begins (IPv6 only; IPv4 ignores it).

    Time is linear in the octets of the fragments.  At most 4,096 datagrams are in progress, each for 60 s of the
    capture's time after its first fragment; the oldest is given up for a new one.
    """
    work = _Work(data)
    for at in range(0, len(row), _BATCH):
        here = slice(at, at + _BATCH)
        for fragment in _read(data, row[here], time_ns[here], ip[here], end[here], v6[here], header[here]):
            work.add(fragment)
    return work.finish()


class _Fragment(Struct, frozen=True):
    """``ends`` are both addresses, ``number`` the identification (in IPv4 with the protocol), ``block`` the offset in
    units of eight octets; the octets lie in the data from ``start`` up to ``stop``."""

    ends: bytes
    row: int
    time_ns: int
    ip: int
    v6: bool
    header: int  # where the part that is cut out begins; for IPv4 the end of its header
    number: int
    block: int
    start: int
    stop: int
    more: bool
    usable: bool

    @property
    def key(self) -> tuple[bytes, int]:
        return self.ends, self.number


def _read(
    data: Octets, row: Ints, time_ns: Ints, ip: Ints, end: Ints, v6: NDArray[np.bool_], header: Ints
) -> Iterator[_Fragment]:
    first = gather(data, ip, _IPV6_HEADER)
    words = first.view(">u2").astype(np.int64)
    extra = gather(data, np.where(v6, header, ip), _FRAGMENT_HEADER)
    size = (first[:, 0] & 15).astype(np.int64) * 4
    cut = np.where(v6, header, ip + size)
    start = np.where(v6, header + _FRAGMENT_HEADER, cut)
    stop = ip + np.where(v6, words[:, 2] + _IPV6_HEADER, words[:, 1])
    place = extra.view(">u2")[:, 1].astype(np.int64)
    block = np.where(v6, place >> 3, words[:, 3] & _OFFSET)
    more = np.where(v6, place & 1, words[:, 3] & _MORE) != 0
    number = np.where(v6, extra.view(">u4")[:, 1].astype(np.int64), words[:, 2] << 8 | first[:, 9])
    length = stop - start
    usable = (length > 0) & (stop <= end) & ~(more & (length % _BLOCK != 0))
    usable &= np.where(v6, header >= ip + _IPV6_HEADER, size >= 20)
    usable &= np.where(v6, cut - ip - _IPV6_HEADER, size) + block * _BLOCK + length <= _MOST_OCTETS
    ends = [first[n, 8:40].tobytes() if six else first[n, 12:20].tobytes() for n, six in enumerate(v6.tolist())]
    columns = (column.tolist() for column in (row, time_ns, ip, v6, cut, number, block, start, stop, more, usable))
    for key, fields in zip(ends, zip(*columns, strict=True), strict=True):
        yield _Fragment(key, *fields)


@dataclass(slots=True)
class _Datagram:
    """One in progress.  ``covered`` has an octet for each block, 1 where it is there; ``pieces`` say by first block
    where the octets lie in the data, from and up to."""

    started_ns: int
    earlier: dict[int, tuple[int, int]]  # the pieces of the datagram that was whole before under the same key
    pieces: dict[int, tuple[int, int]] = field(default_factory=dict)
    covered: bytearray = field(default_factory=bytearray)
    blocks: int = 0  # that are there
    octets: int | None = None  # of all, once the last fragment has told
    first: _Fragment | None = None
    fragments: int = 0
    dropped: bool = False

    @property
    def whole(self) -> bool:
        return self.octets is not None and self.blocks == _blocks(self.octets)


class _Work:
    def __init__(self, data: Octets) -> None:
        self._data = data
        self._open: dict[tuple[bytes, int], _Datagram] = {}  # the oldest first
        self._pieces = 0
        self._earlier: dict[tuple[bytes, int], dict[int, tuple[int, int]]] = {}
        self._rows: list[int] = []
        self._whole: list[Octets] = []
        self._made_of: list[tuple[tuple[int, int], ...]] = []
        self._incomplete = self._overlapping = 0

    def add(self, fragment: _Fragment) -> None:
        if not fragment.usable:
            self._incomplete += 1
            return
        datagram = self._datagram(fragment)
        if self._taken(datagram, fragment):
            datagram.fragments += 1
        if datagram.whole and not datagram.dropped:
            self._complete(fragment, datagram)

    def finish(self) -> Fragments:
        for datagram in self._open.values():
            self._count(datagram)
        length = np.array([len(octets) for octets in self._whole], np.int64)
        data = np.concatenate([np.zeros(0, np.uint8), *self._whole])
        row = np.array(self._rows, np.int64)
        begin = np.cumsum(length) - length
        return Fragments(row, data, begin, length, self._incomplete, self._overlapping, tuple(self._made_of))

    def _datagram(self, fragment: _Fragment) -> _Datagram:
        if fragment.block == 0 and not fragment.more:
            return _Datagram(fragment.time_ns, {})  # whole by itself, whatever else goes by its key (RFC 6946)
        while self._pieces > _MOST_PIECES:
            self._give_up(next(iter(self._open)))
        found = self._open.get(fragment.key)
        if found is not None and fragment.time_ns - found.started_ns > _TIME_LIMIT_NS:
            self._give_up(fragment.key)
            found = None
        if found is None:
            if len(self._open) == _MOST_DATAGRAMS:
                self._give_up(next(iter(self._open)))
            found = self._open[fragment.key] = _Datagram(fragment.time_ns, self._earlier.get(fragment.key, {}))
        return found

    def _taken(self, datagram: _Datagram, fragment: _Fragment) -> bool:
        """Enter a fragment; False for one that adds nothing."""
        block, start, stop = fragment.block, fragment.start, fragment.stop
        if datagram.dropped:
            return True
        if self._same(datagram.pieces.get(block), (start, stop)) and (fragment.more or datagram.octets is not None):
            return False
        after = block + _blocks(stop - start)
        told = block * _BLOCK + stop - start
        if datagram.octets is None:
            contradicts = not fragment.more and len(datagram.covered) * _BLOCK > told
        else:
            contradicts = told > datagram.octets or (told != datagram.octets and not fragment.more)
        if contradicts or datagram.covered.find(1, block, after) >= 0:
            self._overlapping += 1
            if fragment.v6:
                self._drop(datagram)
                return True
            if contradicts:
                return False
        self._enter(datagram, fragment, after)
        if not fragment.more:
            datagram.octets = told
        if block == 0 and datagram.first is None:
            datagram.first = fragment
        return True

    def _enter(self, datagram: _Datagram, fragment: _Fragment, after: int) -> None:
        """Take the blocks that are not there yet."""
        covered = datagram.covered
        covered.extend(bytes(max(0, after - len(covered))))
        free = covered.find(0, fragment.block, after)
        while free >= 0:
            taken = covered.find(1, free, after)
            until = after if taken < 0 else taken
            at = fragment.start - fragment.block * _BLOCK
            datagram.pieces[free] = (at + free * _BLOCK, min(at + until * _BLOCK, fragment.stop))
            covered[free:until] = b"\1" * (until - free)
            datagram.blocks += until - free
            self._pieces += 1
            free = covered.find(0, until, after)

    def _complete(self, fragment: _Fragment, datagram: _Datagram) -> None:
        if self._open.get(fragment.key) is datagram:
            del self._open[fragment.key]
            self._earlier.pop(fragment.key, None)
            if len(datagram.pieces) <= _MOST_REMEMBERED:
                self._earlier[fragment.key] = datagram.pieces
            if len(self._earlier) > _MOST_DATAGRAMS:
                del self._earlier[next(iter(self._earlier))]
        self._pieces -= len(datagram.pieces)
        assert datagram.first is not None
        header = _whole_header(self._data, datagram.first, datagram.octets or 0)
        if header is None:
            self._incomplete += datagram.fragments
            return
        pieces = tuple(piece for _, piece in sorted(datagram.pieces.items()))
        parts = [self._data[start:stop] for start, stop in pieces]
        self._whole.append(np.concatenate([np.frombuffer(header, np.uint8), *parts]))
        self._made_of.append(pieces)
        self._rows.append(fragment.row)

    def _drop(self, datagram: _Datagram) -> None:
        self._pieces -= len(datagram.pieces)
        datagram.dropped = True
        datagram.pieces, datagram.covered, datagram.earlier = {}, bytearray(), {}

    def _give_up(self, key: tuple[bytes, int]) -> None:
        datagram = self._open.pop(key)
        self._pieces -= len(datagram.pieces)
        self._count(datagram)

    def _count(self, datagram: _Datagram) -> None:
        """The fragments of a datagram that did not become whole, unless they are late copies of one that did."""
        copies = [self._same(datagram.earlier.get(block), piece) for block, piece in datagram.pieces.items()]
        if datagram.dropped or not all(copies):
            self._incomplete += datagram.fragments

    def _same(self, held: tuple[int, int] | None, piece: tuple[int, int]) -> bool:
        return held is not None and np.array_equal(self._data[slice(*held)], self._data[slice(*piece)])


def _blocks(octets: int) -> int:
    return -(-octets // _BLOCK)


def _whole_header(data: Octets, first: _Fragment, octets: int) -> bytes | None:
    """The header of the first fragment, made that of the datagram; None where its extension headers lead nowhere."""
    header = bytearray(data[first.ip : first.header].tobytes())
    if not first.v6:
        header[2:4] = (len(header) + octets).to_bytes(2, "big")
        header[6:8] = bytes((header[6] & 0xC0, 0))
        header[10:12] = bytes(2)
        total = sum(int.from_bytes(header[n : n + 2], "big") for n in range(0, len(header), 2))
        header[10:12] = (0xFFFF - (total % 0xFFFF or 0xFFFF)).to_bytes(2, "big")
        return bytes(header)
    kind, position = 6, _IPV6_HEADER  # the octet that names the fragment header is the last before it to name one
    while position < len(header):
        kind = position
        position += (header[position + 1] + 1) * 8 if position + 1 < len(header) else len(header)
    if position != len(header):
        return None
    header[kind] = int(data[first.header])
    header[4:6] = (len(header) - _IPV6_HEADER + octets).to_bytes(2, "big")
    return bytes(header)
