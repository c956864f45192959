"""What whole hosts and links do to packets, within a window of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from testbed.net.faults.action import Action, Pair, pairs_of
from testbed.net.forge import port_unreachable, reset_to_sender, unreachable
from testbed.net.packet import Kind, Packet
from testbed.protocols.trigger import Trigger


@dataclass(slots=True)
class HostOutage:
    """What a whole host does to packets, within a window of time."""

    addresses: frozenset[str]
    trigger: Trigger

    def pairs(self, addresses: Iterable[str]) -> Iterable[Pair]:
        return pairs_of(self.addresses, addresses)

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        return self.answer(packet) if self.trigger.open_at(now_ns) else None

    def answer(self, packet: Packet) -> Action | None:
        """What becomes of a packet while the fault lasts."""
        raise NotImplementedError

    def swallows(self, source: str, destination: str, now_ns: int) -> bool:
        return False

    def persists(self, now_ns: int) -> bool:
        return self.trigger.open_at(now_ns)


class Silent(HostOutage):
    """Nothing reaches the host and nothing leaves it."""

    def answer(self, packet: Packet) -> Action | None:
        silent = packet.destination if packet.destination in self.addresses else packet.source
        return Action(f"lost: {silent} is silent", copies=0, lost=True)

    def swallows(self, source: str, destination: str, now_ns: int) -> bool:
        return bool(self.addresses & {source, destination}) and self.trigger.open_at(now_ns)


class Refused(HostOutage):
    """The host is up and no server runs: RST for a SYN, ICMP port unreachable for a datagram."""

    def answer(self, packet: Packet) -> Action | None:
        if packet.destination not in self.addresses or not (packet.kind is Kind.SYN or not packet.is_tcp):
            return None
        answer = reset_to_sender(packet) if packet.is_tcp else port_unreachable(packet)
        return Action("refused", copies=0, answers=(answer,))


class Unreachable(Silent):
    """The way to the host is broken, and a router says so (ICMP)."""

    def answer(self, packet: Packet) -> Action | None:
        if packet.destination not in self.addresses:
            return Action("lost: no way back from the host", copies=0, lost=True)
        return Action("unreachable", copies=0, answers=(unreachable(packet, "host"),), lost=True)


@dataclass(slots=True)
class LinkDown:
    """Nothing passes between two hosts, in either direction, within a window of time."""

    one: frozenset[str]
    other: frozenset[str]
    trigger: Trigger

    def pairs(self, addresses: Iterable[str]) -> Iterable[Pair]:
        for one in self.one:
            for other in self.other:
                yield one, other
                yield other, one

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        return Action("lost: the link is down", copies=0, lost=True) if self.trigger.open_at(now_ns) else None

    def swallows(self, source: str, destination: str, now_ns: int) -> bool:
        joined = (source in self.one and destination in self.other) or (
            source in self.other and destination in self.one
        )
        return joined and self.trigger.open_at(now_ns)

    def persists(self, now_ns: int) -> bool:
        return self.trigger.open_at(now_ns)
