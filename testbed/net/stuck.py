"""Connections that cannot go on, because the wire destroys the same packet however often it is sent.

The kernel repeats what is not acknowledged, for a quarter of an hour and in real time.  When the fault that destroyed a
packet will destroy its every repetition, nothing can come of that, and scenario time need not wait for it.  So that a
trace shows the repetitions as a capture of a real connection would, data has to be destroyed :data:`_ENOUGH` times
before its connection counts as stuck; of a handshake, once is enough.  A connection is stuck only as long as the fault
persists: a link that is mended gets the kernel's next repetition, after a second or two.
"""

from __future__ import annotations

from dataclasses import dataclass

from testbed.net.faults import Action, PacketFault
from testbed.net.kernel_timers import Waiting
from testbed.net.packet import Kind, Packet

_ENOUGH = 3

End = tuple[str, int]


@dataclass(slots=True)
class _Loss:
    """A packet destroyed so many times running, and by whom."""

    packet: Packet
    fault: PacketFault
    times: int = 1

    def is_of(self, packet: Packet) -> bool:
        """Whether a packet is the same one again; what it acknowledges may have grown, unless that is all it says."""
        mine, other = self.packet, packet
        same = (mine.kind, mine.sequence) == (other.kind, other.sequence)
        return same and (mine.kind is not Kind.ACK or mine.acknowledgement == other.acknowledgement)

    def stalls(self, end: End, now_ns: int) -> bool:
        """Whether one end of the connection repeats itself in vain."""
        opening = self.packet.kind in (Kind.SYN, Kind.SYN_ACK)
        if self.times < (1 if opening else _ENOUGH) or not self.fault.persists(now_ns):
            return False
        sender, receiver = self.packet.ends
        if self.packet.kind is Kind.SYN_ACK:
            return True  # the client's SYN arrives, and leads to nothing but another SYN-ACK
        return end == (receiver if self.packet.kind is Kind.ACK else sender)


class Stuck:
    """Remembers, for each direction of each connection, what was destroyed last and not followed by anything."""

    def __init__(self) -> None:
        self._losses: dict[tuple[End, End], _Loss] = {}
        self._starving: dict[tuple[End, End], PacketFault] = {}

    def struck(self, fault: PacketFault, action: Action, packet: Packet) -> None:
        """A fault did something to a packet."""
        if not packet.is_tcp:
            return
        if not action.in_vain:
            self.passed(packet)
            if action.starves:
                self._starving[packet.ends] = fault
            return
        last = self._losses.get(packet.ends)
        if last is not None and last.is_of(packet):
            last.times += 1
            last.fault = fault
        else:
            self._losses[packet.ends] = _Loss(packet, fault)

    def passed(self, packet: Packet) -> None:
        """A packet went on its way; what was destroyed before it stays destroyed if it comes earlier in the stream."""
        last = self._losses.get(packet.ends)
        if last is not None and (last.is_of(packet) or packet.kind in (Kind.SYN, Kind.RST)):
            del self._losses[packet.ends]
        self._starving.pop(packet.ends, None)

    def holds(self, socket: Waiting, now_ns: int) -> bool:
        """Whether a socket repeats itself in vain."""
        both = ((socket.local, socket.remote), (socket.remote, socket.local))
        return any(loss.stalls(socket.local, now_ns) for ends in both if (loss := self._losses.get(ends)) is not None)

    def starved(self, socket: Waiting, now_ns: int) -> bool:
        """Whether a probe will open a window: one the wire does not keep closed for ever, or one that is open again.

        TCP sends nothing where a window is smaller than a segment, and its peer may not tell when it has grown
        (RFC 9293 §3.8.6.2): then the probe, which is sent in real time, is what goes on.
        """
        fault = self._starving.get((socket.remote, socket.local))
        return socket.reopens if fault is None else not fault.persists(now_ns)
