"""A program that dies at a moment of an SMTP dialogue, which its packets show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from testbed.durations import MILLISECOND
from testbed.net import forge
from testbed.net.faults.action import Action, Pair, pairs_of
from testbed.net.faults.following import Following, Said
from testbed.net.packet import Kind, Packet
from testbed.protocols.trigger import Trigger


class Moment(StrEnum):
    """What a host has done with a command: as the server that it is said to, or as the client that says it."""

    ASKED = "been asked"  # the packet with the command has come, and nobody has read it
    DONE = "done"  # it is to be answered, and the answer is lost
    ANSWERED = "answered"  # the packet with the answer has left
    SENT = "sent"  # the packet with the command has left
    HEARD = "been answered"  # the packet with the answer has come, and nobody has read it

    @property
    def as_client(self) -> bool:
        """Whether the host is the client."""
        return self in (Moment.SENT, Moment.HEARD)

    @property
    def at_reply(self) -> bool:
        """Whether it is the reply that tells."""
        return self not in (Moment.ASKED, Moment.SENT)


@dataclass(slots=True)
class Crash:
    """The program of a host dies before anybody else is heard: whoever is told of the fault has it die.

    The machine resets the connections that the program had, and carries nothing more that it has said there.
    """

    addresses: frozenset[str]
    moment: Moment
    command: str
    trigger: Trigger
    _followed: dict[frozenset[tuple[str, int]], Following] = field(default_factory=dict, init=False)
    _cut: dict[frozenset[tuple[str, int]], bool] = field(default_factory=dict, init=False)  # whether both ends know
    _dying: bool = field(default=False, init=False)

    def pairs(self, addresses: Iterable[str]) -> Iterable[Pair]:
        return pairs_of(self.addresses, addresses)

    def over(self) -> None:
        """Nothing is on its way any more that the program had sent before it died."""
        self._dying = False

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        ends = frozenset(packet.ends)
        if self._dying and packet.source in self.addresses and not self._is_of_kernel(packet) and ends not in self._cut:
            return self._lost(packet)
        if not packet.is_tcp:
            return None
        if packet.kind is Kind.SYN:
            self._followed[ends] = Following(packet)
            self._cut.pop(ends, None)
        if ends in self._cut:
            return self._left_over(packet, ends)
        following = self._followed.get(ends)
        if following is None:
            return None
        said = following.follow(packet)
        if following.ended:
            del self._followed[ends]
        if not any(self._is_meant(one, following) and self.trigger.strikes(now_ns) for one in said):
            return None
        return self._strike(packet, ends)

    def _strike(self, packet: Packet, ends: frozenset[tuple[str, int]]) -> Action:
        self._dying = True
        self._cut |= dict.fromkeys(self._followed, False)
        self._followed.clear()
        what = f"{packet.source if packet.source in self.addresses else packet.destination} crashes"
        if self.moment is not Moment.DONE:  # what comes to the host is not to find it alive
            return Action(what, delay_ns=0 if packet.source in self.addresses else MILLISECOND)
        self._cut[ends] = True
        return Action(f"{packet.kind} lost: {what}", copies=0, answers=_resets(packet), lost=True)

    def _is_meant(self, said: Said, following: Following) -> bool:
        as_client = following.client[0] in self.addresses
        return (said.stage, said.is_reply, as_client) == (self.command, self.moment.at_reply, self.moment.as_client)

    def _left_over(self, packet: Packet, ends: frozenset[tuple[str, int]]) -> Action | None:
        """What the kernel of the host still has to send of a connection whose program is no more."""
        if packet.source not in self.addresses or self._is_of_kernel(packet):
            return None
        known, self._cut[ends] = self._cut[ends], True
        return self._lost(packet, () if known else _resets(packet))

    def _lost(self, packet: Packet, answers: tuple[bytes, ...] = ()) -> Action:
        what = f"{'datagram' if packet.is_udp else packet.kind} lost: {packet.source} has crashed"
        return Action(what, copies=0, answers=answers, lost=True, follows=True)

    def _is_of_kernel(self, packet: Packet) -> bool:
        """Whether the kernel of the host has sent a packet, and not its program."""
        return packet.kind in (Kind.ACK, Kind.RST) or (not packet.is_tcp and not packet.is_udp)

    def swallows(self, source: str, destination: str, now_ns: int) -> bool:
        return False

    def persists(self, now_ns: int) -> bool:
        return False


def _resets(packet: Packet) -> tuple[bytes, ...]:
    """RST of the host in place of the packet, and what its peer would answer the packet with after that."""
    return forge.reset_to_receiver(packet), forge.reset_to_sender(packet)
