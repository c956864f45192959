"""Packets that a kernel sends again although they arrived: this machine was too slow with them, or with the answer.

Kernels' timers run in real time, and a lab that waits for a busy machine can be later than they are patient.  What its
wire finds then is a repetition that was sent before the acknowledgement reached its sender.  That this is so can be
known exactly: packets wait in the order in which they were sent, so what is read before a device has been found empty
was sent before what was last delivered there.  Such a repetition is *needless*, and the wire does not carry it: on a
machine with nothing else to do it would not exist.

One of which the acknowledgement is still to come is *early*, and waits for that.  What a fault has destroyed, changed,
delayed or put out of order, or whose acknowledgement it has, is repeated for a reason, and carried like any packet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from testbed.net.packet import Kind, Packet
from testbed.protocols.tcp import ACK, distance

_FULL = 1 << 32
_KEPT = 1_000  # connections that need following no longer: nothing is repeated that is older than so many

End = tuple[str, int]
_Range = tuple[int, int]  # sequence numbers, the second one past the last


class Sending(Enum):
    """What a packet is, as far as its sender has sent the same before."""

    NEW = auto()  # or sent again for a reason
    EARLY = auto()
    NEEDLESS = auto()


@dataclass(slots=True)
class _Stream:
    """What one end has sent.  ``emptied`` says how often its device had been empty at the last acknowledgement."""

    first: int
    carried: int  # the end of what was carried
    acknowledged: int  # as the sender has been told
    settled: int  # as the sender had been told before its device was found empty
    emptied: int = 0
    finished: bool = False
    touched: list[_Range] = field(default_factory=list)

    def settle(self, emptied: int) -> None:
        if emptied > self.emptied:
            self.settled, self.emptied = self.acknowledged, emptied


class Repetitions:
    """Follows all connections, or only until they are open (``opening_only``).

    It is shown every packet of those it judges, then told what became of it.
    """

    def __init__(self, *, opening_only: bool = False) -> None:
        self._opening_only = opening_only
        self._streams: dict[tuple[End, End], _Stream] = {}
        self._over: dict[tuple[End, End], None] = {}  # connections, in the order in which they ended
        self.opening: set[tuple[End, End]] = set()  # what has sent SYN, or SYN-ACK, and is not answered

    def judge(self, packet: Packet, emptied: int) -> Sending:
        """What a packet is that was read from a device found empty so many times."""
        end = _end(packet)
        stream = self._streams.get(packet.ends)
        if stream is None or end == packet.sequence or _opens_another(packet, stream):
            return Sending.NEW
        if distance(end, stream.carried) > 0 or _overlaps(packet.sequence, end, stream.touched):
            return Sending.NEW
        stream.settle(emptied)
        if distance(end, stream.settled) <= 0:
            return Sending.NEW
        return Sending.NEEDLESS if distance(end, stream.acknowledged) <= 0 else Sending.EARLY

    def carried(self, packet: Packet, *, touched: bool) -> None:
        """A packet goes on its way, or a fault, which has ``touched`` it, does something else to it."""
        end, stream = _end(packet), self._streams.get(packet.ends)
        if packet.kind in (Kind.SYN, Kind.SYN_ACK) and (stream is None or _opens_another(packet, stream)):
            first = packet.sequence
            stream = self._streams[packet.ends] = _Stream(first, first, first, first)
            self.opening.add(packet.ends)
            self._over.pop(_connection(packet.ends), None)
        if stream is None:
            return
        stream.finished |= packet.kind is Kind.FIN
        answering = self._streams.get(packet.ends[::-1])
        if packet.kind is Kind.RST or (stream.finished and answering is not None and answering.finished):
            self._forget_the_oldest(packet.ends)
        if distance(end, stream.carried) > 0:
            stream.carried = end
        stream.touched = [range_ for range_ in stream.touched if not _lies_in(range_, packet.sequence, end)]
        if touched:
            stream.touched.append((packet.sequence, end))
            answered = self._answered(packet)
            if answered is not None and distance(packet.acknowledgement, answered.acknowledged) > 0:
                answered.touched.append((answered.acknowledged, packet.acknowledgement))

    def arrived(self, packet: Packet, emptied: int) -> None:
        """A packet arrives at a device that was found empty so many times."""
        answered = self._answered(packet)
        if answered is not None:
            self._acknowledge(answered, packet.ends[::-1], packet.acknowledgement, emptied)

    def refused(self, packet: Packet, emptied: int) -> None:
        """A router tells the sender of a SYN, at such a device, that it leads nowhere."""
        self._acknowledge(self._streams[packet.ends], packet.ends, _end(packet), emptied)
        self._forget_the_oldest(packet.ends)

    def _forget_the_oldest(self, ended: tuple[End, End]) -> None:
        """Another connection needs following no longer; of very many, the first are forgotten."""
        self._over[_connection(ended)] = None
        if len(self._over) > _KEPT:
            oldest = next(iter(self._over))
            del self._over[oldest]
            for ends in (oldest, oldest[::-1]):
                self._streams.pop(ends, None)
                self.opening.discard(ends)

    def _acknowledge(self, stream: _Stream, ends: tuple[End, End], number: int, emptied: int) -> None:
        stream.settle(emptied)
        if distance(number, stream.acknowledged) > 0:
            stream.acknowledged = number
            self.opening.discard(ends)
            if self._opening_only and ends[::-1] not in self.opening:
                self._forget_the_oldest(ends)

    def _answered(self, packet: Packet) -> _Stream | None:
        return self._streams.get(packet.ends[::-1]) if packet.flags & ACK else None


def _connection(ends: tuple[End, End]) -> tuple[End, End]:
    """The same whichever end sends."""
    return min(ends), max(ends)


def _end(packet: Packet) -> int:
    return (packet.sequence + packet.payload + (packet.kind in (Kind.SYN, Kind.SYN_ACK, Kind.FIN))) % _FULL


def _opens_another(packet: Packet, stream: _Stream) -> bool:
    return packet.kind in (Kind.SYN, Kind.SYN_ACK) and packet.sequence != stream.first


def _overlaps(begin: int, end: int, ranges: list[_Range]) -> bool:
    return any(distance(begin, last) < 0 and distance(end, first) > 0 for first, last in ranges)


def _lies_in(inner: _Range, begin: int, end: int) -> bool:
    return distance(inner[0], begin) >= 0 and distance(inner[1], end) <= 0
