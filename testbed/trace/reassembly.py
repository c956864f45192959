"""TCP payload in the order in which each side sent it, told at the packet that made it readable.

Retransmitted octets are dropped, early ones are kept until the hole before them is filled, and a hole the other side
has acknowledged (so the capture missed it) becomes a :class:`Gap`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from testbed.protocols.tcp import ACK, SYN, distance
from testbed.trace.flows import Flow

_MAX_HELD = 4 << 20  # octets kept per side while waiting for a hole to be filled


@dataclass(frozen=True, slots=True)
class Chunk:
    """Octets one side sent, in order.  ``frame`` and ``time_ns`` are those of the packet that carried them."""

    side: int
    octets: bytes
    frame: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Octets one side sent that the capture does not hold."""

    side: int
    octets: int
    frame: int
    time_ns: int


class _Side:
    """What is known of one direction.  ``next`` is the sequence number expected, None until something was seen."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.next: int | None = None
        self.held: list[tuple[int, bytes, int, int, int]] = []  # sequence, octets, missing after them, frame, time
        self.held_octets = 0

    def segment(self, sequence: int, octets: bytes, missing: int, frame: int, time: int) -> Iterator[Chunk | Gap]:
        if self.next is None:
            self.next = sequence
        self.held.append((sequence, octets, missing, frame, time))
        self.held_octets += len(octets)
        yield from self._release()
        if self.held_octets > _MAX_HELD:
            yield from self.skip_to(min((piece[0] for piece in self.held), key=self._ahead), frame, time)

    def skip_to(self, sequence: int, frame: int, time: int) -> Iterator[Chunk | Gap]:
        """Give up on what is missing before a sequence number."""
        assert self.next is not None
        while (missing := distance(sequence, self.next)) > 0:
            ahead = [self._ahead(piece[0]) for piece in self.held]
            hole = min([missing, *(step for step in ahead if step > 0)])
            self.next = (self.next + hole) & 0xFFFFFFFF
            yield Gap(self.side, hole, frame, time)
            yield from self._release()

    def _ahead(self, sequence: int) -> int:
        assert self.next is not None
        return distance(sequence, self.next)

    def _release(self) -> Iterator[Chunk | Gap]:
        progress = True
        while progress and self.held:
            progress = False
            for piece in sorted(self.held, key=lambda piece: self._ahead(piece[0])):
                sequence, octets, missing, frame, time = piece
                ahead = self._ahead(sequence)
                if ahead > 0:
                    break
                self.held.remove(piece)
                self.held_octets -= len(octets)
                fresh = octets[-ahead:] if ahead else octets
                if fresh:
                    self.next = (sequence + len(octets)) & 0xFFFFFFFF
                    yield Chunk(self.side, fresh, frame, time)
                unseen = missing + min(0, len(octets) + ahead)
                if missing and unseen > 0:
                    self.next = (sequence + len(octets) + missing) & 0xFFFFFFFF
                    yield Gap(self.side, unseen, frame, time)
                progress = True


def reassemble(flow: Flow, payload: Callable[[int], bytes]) -> Iterator[Chunk | Gap]:
    """The dialogue of a flow.  ``payload(row)`` gives the captured payload of a row of the packet table."""
    sides = (_Side(0), _Side(1))
    for position, flags in enumerate(flow.flags):
        mine, peer = sides[flow.side[position]], sides[1 - flow.side[position]]
        frame, time = flow.frame[position], flow.time[position]
        sequence, length = flow.sequence[position], flow.length[position]
        if flags & SYN:
            sequence = (sequence + 1) & 0xFFFFFFFF
            mine.next = sequence
        if flags & ACK and peer.next is not None and distance(flow.acknowledgement[position], peer.next) > 1:
            # One more than expected is a FIN; beyond it, the peer sent octets that were never captured.
            acknowledged = flow.acknowledgement[position]
            if distance(acknowledged, peer.next) < 1 << 30:
                yield from peer.skip_to(acknowledged, frame, time)
        if length:
            octets = payload(flow.index[position])[:length]
            yield from mine.segment(sequence, octets, length - len(octets), frame, time)
