"""TCP payload in the order in which each side sent it, told at the packet that made it readable.

Retransmitted octets are dropped, early ones are kept until the hole before them is filled.  What the other side has
acknowledged, it had: where the capture holds it later only, it is told before the packet that acknowledges it
(:mod:`testbed.trace.tcp.overtaken`); where the capture does not hold it, it becomes a :class:`Gap`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from testbed.protocols.tcp import ACK, SYN, distance
from testbed.trace.flows import Flow
from testbed.trace.tcp.overtaken import Overtaken

_MAX_HELD = 4 << 20  # octets kept per side while waiting for a hole to be filled


@dataclass(frozen=True, slots=True)
class Chunk:
    """Octets one side sent, in order.  ``frame`` and ``time_ns`` are those of the packet that carried them.

    ``decrypted`` tells that TLS carried them and keys opened them.
    """

    side: int
    octets: bytes
    frame: int
    time_ns: int
    decrypted: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Octets one side sent that the capture does not hold; none of them are counted before its beginning.

    One of 0 octets begins each side of a connection whose opening is not in the capture: nobody knows what was said.
    """

    side: int
    octets: int
    frame: int
    time_ns: int


@dataclass(order=True, slots=True)
class _Piece:
    """A segment that waits.  ``start`` counts octets from the first one of its side, so it never wraps."""

    start: int
    number: int  # in order of arrival
    octets: bytes = field(compare=False)
    missing: int = field(compare=False)  # octets on the wire behind those captured
    frame: int = field(compare=False)
    time_ns: int = field(compare=False)


class _Side:
    """What is known of one direction.  ``next`` is the sequence number expected, None until something was seen."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.next: int | None = None
        self._position = 0  # the place of ``next``, counted as pieces are
        self._opened: int | None = None
        self._held: list[_Piece] = []  # a heap
        self._held_octets = 0
        self._arrived = 0

    def open(self, sequence: int) -> None:
        """A SYN told the first sequence number; one that is only repeated changes nothing."""
        if self._opened != sequence:
            self._opened = self.next = sequence
            self._held.clear()
            self._held_octets = 0

    def segment(self, sequence: int, octets: bytes, missing: int, frame: int, time: int) -> Iterator[Chunk | Gap]:
        if self.next is None:
            self.next = sequence
        self._arrived += 1
        start = self._position + distance(sequence, self.next)
        heappush(self._held, _Piece(start, self._arrived, octets, missing, frame, time))
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
            yield Gap(self.side, hole, frame, time)
            yield from self._release()

    def _move(self, position: int) -> None:
        assert self.next is not None
        self.next = (self.next + position - self._position) & 0xFFFFFFFF
        self._position = position

    def _release(self) -> Iterator[Chunk | Gap]:
        """Give out what is in order; each piece is touched once."""
        while self._held and self._held[0].start <= self._position:
            piece = heappop(self._held)
            self._held_octets -= len(piece.octets)
            captured = piece.start + len(piece.octets)
            if captured > self._position:
                fresh = piece.octets[self._position - piece.start :]
                self._move(captured)
                yield Chunk(self.side, fresh, piece.frame, piece.time_ns)
            unseen = captured + piece.missing - self._position
            if unseen > 0:
                self._move(captured + piece.missing)
                yield Gap(self.side, unseen, piece.frame, piece.time_ns)


def reassemble(
    flow: Flow, payload: Callable[[int], bytes], overtaken: Overtaken | None = None
) -> Iterator[Chunk | Gap]:
    """The dialogue of a flow.  ``payload(row)`` gives the captured payload of a row of the packet table.

    ``overtaken`` are its segments behind their acknowledgements, for who wants to know of them later.
    """
    if flow and not any(flags & SYN for flags in flow.flags):
        yield from (Gap(side, 0, flow.frame[0], flow.time[0]) for side in (0, 1))
    yield from _in_order(flow, payload, overtaken or Overtaken(flow))


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
        if flags & ACK and peer.next is None and overtaken is not None and overtaken.is_silent(peer.side):
            peer.next = acknowledged
        if flags & ACK and peer.next is not None and 1 < distance(acknowledged, peer.next) < 1 << 30:
            # One more than expected is a FIN; beyond it, the peer sent octets that were not captured so far.
            for late in overtaken.by(position) if overtaken is not None else ():
                yield from _take(peer, flow, payload, late)
            if distance(acknowledged, peer.next) > 1:
                yield from peer.skip_to(acknowledged, frame, time)
        if flow.length[position]:
            yield from _take(mine, flow, payload, position)


def _take(side: _Side, flow: Flow, payload: Callable[[int], bytes], position: int) -> Iterator[Chunk | Gap]:
    length = flow.length[position]
    octets = payload(flow.index[position])[:length]
    sequence = (flow.sequence[position] + bool(flow.flags[position] & SYN)) & 0xFFFFFFFF
    yield from side.segment(sequence, octets, length - len(octets), flow.frame[position], flow.time[position])
