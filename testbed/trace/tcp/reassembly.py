"""TCP payload in the order in which each side sent it, told at the packet that made it readable.

Retransmitted octets are dropped, early ones are kept until the hole before them is filled.  What the other side has
acknowledged, it had: where the capture holds it later only, it is told before the packet that acknowledges it
(:mod:`testbed.trace.tcp.overtaken`); where the capture does not hold it, it becomes a :class:`Gap`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from testbed.protocols.tcp import ACK, FIN, RST, SYN, distance
from testbed.trace.flows import Flow
from testbed.trace.tcp.overtaken import Overtaken

_NEAR = 1 << 20  # octets, within which a RST tells where its sender was
_MAX_HELD = 4 << 20  # octets kept per side while waiting for a hole to be filled


@dataclass(frozen=True, slots=True)
class Chunk:
    """Octets one side sent, in order.  ``frame`` and ``time_ns`` are those of the packet that carried them.

    ``decrypted`` tells that TLS carried them and keys opened them.  ``begin`` is the sequence number of the first of
    them, and ``heard`` what the packet acknowledged of the other side's; None where nobody knows.  ``missing`` counts
    the octets of a datagram that the capture cut off.
    """

    side: int
    octets: bytes
    frame: int
    time_ns: int
    decrypted: bool = False
    begin: int | None = field(default=None, compare=False)
    heard: int | None = field(default=None, compare=False)
    missing: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Gap:
    """Octets one side sent that the capture does not hold; none of them are counted before its beginning.

    One of 0 octets begins each side whose SYN is not in the capture: nobody knows what was said.  Octets that are
    ``encrypted`` are in the capture, and nobody can read them.  ``end`` is the sequence number behind them, where it is
    known.
    """

    side: int
    octets: int
    frame: int
    time_ns: int
    encrypted: bool = False
    end: int | None = field(default=None, compare=False)


@dataclass(order=True, slots=True)
class _Piece:
    """A segment that waits.  ``start`` counts octets from the first one of its side, so it never wraps."""

    start: int
    number: int  # in order of arrival
    octets: bytes = field(compare=False)
    missing: int = field(compare=False)  # octets on the wire behind those captured
    frame: int = field(compare=False)
    time_ns: int = field(compare=False)
    heard: int | None = field(compare=False)


class _Side:
    """What is known of one direction.

    ``next`` is the sequence number expected, None until something was seen, ``ended`` that of a FIN without octets, or
    of a RST.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.next: int | None = None
        self.ended: int | None = None
        self._position = 0  # the place of ``next``, counted as pieces are
        self._opened: int | None = None
        self._held: list[_Piece] = []  # a heap
        self._held_octets = 0
        self._arrived = 0
        self._guessed = False  # ``next`` is that of a packet without octets

    def begin_at(self, sequence: int) -> None:
        """A packet without octets, or one of the other side, shows where it is, where nothing else has so far."""
        if self.next is None:
            self.next, self._guessed = sequence, True

    def shows_hole(self, acknowledged: int) -> bool:
        """Whether the other side has octets that are missing; one more than expected is a FIN."""
        return self.next is not None and 1 < distance(acknowledged, self.next) < 1 << 30

    def lacks_before(self, sequence: int) -> bool:
        """Whether something is missing before an octet, so that it waits."""
        return self.next is not None and distance(sequence, self.next) > 0

    def end_at(self, sequence: int, *, certain: bool) -> None:
        """A FIN without octets, or a RST, tells where it ends; a RST may be of somebody who does not know."""
        if certain or (self.ended is None and self.next is not None and 0 < distance(sequence, self.next) < _NEAR):
            self.ended = sequence

    @property
    def waits(self) -> bool:
        """Whether octets wait for those before them."""
        return bool(self._held)

    def rest(self, frame: int, time: int) -> Iterator[Chunk | Gap]:
        """What waits still, and what its FIN shows."""
        while self._held:
            yield from self._skip(self._held[0].start, frame, time)
        if self.ended is not None and self.next is not None and distance(self.ended, self.next) > 0:
            yield from self.skip_to(self.ended, frame, time)

    def open(self, sequence: int) -> None:
        """A SYN told the first sequence number; one that is only repeated changes nothing."""
        if self._opened != sequence:
            self._opened = self.next = sequence
            self._held.clear()
            self._held_octets = 0

    def segment(
        self, sequence: int, octets: bytes, missing: int, frame: int, time: int, heard: int | None
    ) -> Iterator[Chunk | Gap]:
        if self.next is None or (self._guessed and distance(sequence, self.next) < 0):
            self.next = sequence
        self._guessed = False
        self._arrived += 1
        start = self._position + distance(sequence, self.next)
        heappush(self._held, _Piece(start, self._arrived, octets, missing, frame, time, heard))
        self._held_octets += len(octets)
        yield from self._release()
        if self._held_octets > _MAX_HELD:
            yield from self._skip(self._held[0].start, frame, time)

    def skip_to(self, sequence: int, frame: int, time: int) -> Iterator[Chunk | Gap]:
        """Give up on what is missing before a sequence number."""
        assert self.next is not None
        yield from self._skip(self._position + distance(sequence, self.next), frame, time)

    def _skip(self, target: int, frame: int, time: int) -> Iterator[Chunk | Gap]:
        while (missing := target - self._position) > 0:
            hole = min(missing, self._held[0].start - self._position) if self._held else missing
            self._move(self._position + hole)
            yield Gap(self.side, hole, frame, time, end=self.next)
            yield from self._release()

    def _move(self, position: int) -> None:
        assert self.next is not None
        self._guessed = False
        self.next = (self.next + position - self._position) & 0xFFFFFFFF
        self._position = position

    def _release(self) -> Iterator[Chunk | Gap]:
        """Give out what is in order; each piece is touched once."""
        while self._held and self._held[0].start <= self._position:
            piece = heappop(self._held)
            self._held_octets -= len(piece.octets)
            captured = piece.start + len(piece.octets)
            if captured > self._position:
                fresh, begin = piece.octets[self._position - piece.start :], self.next
                self._move(captured)
                yield Chunk(self.side, fresh, piece.frame, piece.time_ns, begin=begin, heard=piece.heard)
            unseen = captured + piece.missing - self._position
            if unseen > 0:
                self._move(captured + piece.missing)
                yield Gap(self.side, unseen, piece.frame, piece.time_ns, end=self.next)


def reassemble(
    flow: Flow, payload: Callable[[int], bytes], overtaken: Overtaken | None = None
) -> Iterator[Chunk | Gap]:
    """The dialogue of a flow.  ``payload(row)`` gives the captured payload of a row of the packet table.

    ``overtaken`` are its segments behind their acknowledgements, for who wants to know of them later.
    """
    for side in _unopened(flow):
        yield Gap(side, 0, flow.frame[0], flow.time[0])
    yield from _in_order(flow, payload, overtaken or Overtaken(flow))


def _unopened(flow: Flow) -> list[int]:
    """The sides whose SYN is not in the capture, of one that was opened those that have spoken."""
    opened = {side for side, flags in zip(flow.side, flow.flags, strict=True) if flags & SYN}
    if not opened:
        return [0, 1] if flow else []
    return sorted({side for side, length in zip(flow.side, flow.length, strict=True) if length} - opened)


def holes_as_captured(flow: Flow, payload: Callable[[int], bytes]) -> list[tuple[int, int]]:
    """The frames that show holes, and the side of each, where the order of capture is taken for that of the network."""
    return [(item.frame, item.side) for item in _in_order(flow, payload, None) if isinstance(item, Gap)]


def _in_order(flow: Flow, payload: Callable[[int], bytes], overtaken: Overtaken | None) -> Iterator[Chunk | Gap]:
    sides = (_Side(0), _Side(1))
    for position, flags in enumerate(flow.flags):
        mine, peer = sides[flow.side[position]], sides[1 - flow.side[position]]
        frame, time = flow.frame[position], flow.time[position]
        if flags & SYN:
            mine.open((flow.sequence[position] + 1) & 0xFFFFFFFF)
        acknowledged = flow.acknowledgement[position]
        if flags & ACK and not flags & RST and overtaken is not None and peer.next is None:
            for late in overtaken.by(position):
                yield from _take(peer, flow, payload, late)
            peer.begin_at(acknowledged)
        if flags & ACK and peer.shows_hole(acknowledged):
            for late in overtaken.by(position) if overtaken is not None else ():
                yield from _behind_what_was_heard(_take(peer, flow, payload, late), mine)
            waits = overtaken is not None and flow.length[position] and mine.lacks_before(flow.sequence[position])
            if peer.shows_hole(acknowledged) and (peer.waits or not waits):
                yield from _behind_what_was_heard(peer.skip_to(acknowledged, frame, time), mine)
        if flow.length[position]:
            taken = _take(mine, flow, payload, position)
            yield from taken if overtaken is None else _behind_what_was_heard(taken, peer)
        elif flags & (FIN | RST):
            mine.end_at(flow.sequence[position], certain=bool(flags & FIN))
        elif flags & ACK and not flags & (SYN | RST) and overtaken is not None:
            mine.begin_at(flow.sequence[position])
    for side in sides if overtaken is not None else ():
        yield from _behind_what_was_heard(side.rest(flow.frame[-1], flow.time[-1]), sides[1 - side.side])


def _behind_what_was_heard(items: Iterator[Chunk | Gap], peer: _Side) -> Iterator[Chunk | Gap]:
    """The items of a side, each behind the holes in what its peer had said by then."""
    for item in items:
        if isinstance(item, Chunk) and item.heard is not None and peer.shows_hole(item.heard):
            yield from peer.skip_to(item.heard, item.frame, item.time_ns)
        yield item


def _take(side: _Side, flow: Flow, payload: Callable[[int], bytes], position: int) -> Iterator[Chunk | Gap]:
    length = flow.length[position]
    octets = payload(flow.index[position])[:length]
    sequence = (flow.sequence[position] + bool(flow.flags[position] & SYN)) & 0xFFFFFFFF
    heard = flow.acknowledgement[position] if flow.flags[position] & ACK else None
    yield from side.segment(sequence, octets, length - len(octets), flow.frame[position], flow.time[position], heard)
