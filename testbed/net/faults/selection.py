"""Which packets a wire fault is about: those of a kind, of a connection, at a place of the stream, in a phase."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from testbed.net.packet import Kind, Packet

_HALF, _FULL = 1 << 31, 1 << 32

THIRD_ACK, LAST_ACK = "third ACK", "last ACK"


class TcpPhase(StrEnum):
    """The phases of a TCP connection, as TCP alone shows them."""

    HANDSHAKE = "handshake"  # SYN, SYN-ACK, and the ACK that completes it
    TRANSFER = "transfer"
    CLOSURE = "closure"  # from the first FIN or RST on


@dataclass(slots=True)
class _Course:
    """How far a connection has come.  Dictionaries are by sender, an (address, port)."""

    number: int
    client: tuple[str, int]
    first: dict[tuple[str, int], int] = field(default_factory=dict)  # sequence number of the SYN
    finished: dict[tuple[str, int], int] = field(default_factory=dict)  # what acknowledges the FIN; in order of FINs
    moved: bool = False  # past the handshake
    ending: bool = False

    def follow(self, packet: Packet, sender: tuple[str, int], peer: tuple[str, int]) -> tuple[TcpPhase, str]:
        """Take a packet into account, and tell its phase, and whether it is the third or the last ACK."""
        if packet.kind in (Kind.SYN, Kind.SYN_ACK):
            self.first[sender] = packet.sequence
            return TcpPhase.HANDSHAKE, ""
        if packet.kind is Kind.ACK and not self.ending and self._opens(packet, sender, peer):
            return TcpPhase.HANDSHAKE, THIRD_ACK
        if packet.kind is Kind.FIN:
            self.finished.setdefault(sender, (packet.sequence + packet.payload + 1) % _FULL)
        self.ending = self.ending or packet.kind in (Kind.FIN, Kind.RST)
        last = packet.kind is Kind.ACK and self._closes(packet, sender, peer)
        return TcpPhase.CLOSURE if self.ending else TcpPhase.TRANSFER, LAST_ACK if last else ""

    def _opens(self, packet: Packet, sender: tuple[str, int], peer: tuple[str, int]) -> bool:
        return (
            sender == self.client
            and packet.sequence == (self.first.get(sender, -2) + 1) % _FULL
            and packet.acknowledgement == (self.first.get(peer, -2) + 1) % _FULL
        )

    def _closes(self, packet: Packet, sender: tuple[str, int], peer: tuple[str, int]) -> bool:
        both = len(self.finished) == 2
        return both and next(iter(self.finished)) == sender and packet.acknowledgement == self.finished[peer]

    def place(self, packet: Packet, sender: tuple[str, int]) -> int:
        """How many octets of its sender's stream come before the packet's."""
        begin = (self.first.get(sender, packet.sequence - 1) + 1) % _FULL
        return (packet.sequence - begin + _HALF) % _FULL - _HALF


@dataclass(slots=True)
class Selection:
    """Chooses among packets.  It must be shown all packets of both directions, and chooses in one.

    ``packets`` is a :class:`Kind`, or one of the two ACKs with a name; ``connection`` counts from 1, ``octet`` too;
    ``larger_than`` counts the octets of whole IP packets.
    """

    packets: str | None = None
    connection: int | None = None
    phase: str | None = None
    octet: int | None = None
    larger_than: int | None = None
    _courses: dict[frozenset[tuple[str, int]], _Course] = field(default_factory=dict, init=False)

    def chooses(self, packet: Packet) -> bool:
        """Whether the fault is about this packet; the packet is taken into account."""
        if not packet.is_tcp:
            asked = (self.connection, self.phase, self.octet)
            return asked == (None, None, None) and self.packets is None and self._is_large(packet)
        sender, peer = packet.ends
        course = self._course(packet, sender, peer)
        phase, name = course.follow(packet, sender, peer)
        before = course.place(packet, sender)
        return (
            self.packets in (None, packet.kind, name)
            and self.connection in (None, course.number)
            and self.phase in (None, phase)
            and (self.octet is None or before < self.octet <= before + packet.payload)
            and self._is_large(packet)
        )

    def _is_large(self, packet: Packet) -> bool:
        return self.larger_than is None or len(packet.data) > self.larger_than

    def _course(self, packet: Packet, sender: tuple[str, int], peer: tuple[str, int]) -> _Course:
        ends = frozenset((sender, peer))
        known = self._courses.get(ends)
        again = packet.kind is Kind.SYN and known is not None and known.ending
        if known is None or again:
            opening = packet.kind in (Kind.SYN, Kind.SYN_ACK)
            number = self._opened + 1 if opening else 0
            client = peer if packet.kind is Kind.SYN_ACK else sender
            known = self._courses[ends] = _Course(number, client)
            self._opened += opening
        return known

    _opened: int = field(default=0, init=False)
