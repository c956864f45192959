"""Packet faults.  Each kind is one small class of one shape: which packets, then what happens to them.

A fault is asked about every packet between the pairs of addresses it names, in order, and answers with an
:class:`Action` or None.  Times are nanoseconds of scenario time since the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from testbed.net.packet import (
    Kind,
    Packet,
    host_unreachable,
    port_unreachable,
    reset_to_receiver,
    reset_to_sender,
)
from testbed.protocols.trigger import Trigger

Pair = tuple[str, str]
"""Source and destination address."""


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of a packet: how many copies arrive, how late, and what forged packets are sent in answer.

    ``lost`` marks a packet the wire destroyed; one that a host answers (by RST) has arrived, though no kernel sees it.
    """

    what: str
    copies: int = 1
    delay_ns: int = 0
    answers: tuple[bytes, ...] = ()
    lost: bool = False


class PacketFault(Protocol):
    """One fault."""

    def pairs(self, addresses: Iterable[str]) -> Iterable[Pair]:
        """The pairs of addresses it is asked about, out of those of the lab."""

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        """What becomes of the packet, None when the fault has nothing to do with it."""

    def swallows(self, address: str, now_ns: int) -> bool:
        """Whether nothing sent to or by an address arrives at present, however often it is repeated."""


@dataclass(slots=True)
class HostFault:
    """What a whole host does to packets, within a window of time."""

    addresses: frozenset[str]
    trigger: Trigger

    def pairs(self, addresses: Iterable[str]) -> Iterable[Pair]:
        others = [address for address in addresses if address not in self.addresses]
        for own in self.addresses:
            for other in others:
                yield own, other
                yield other, own

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        return self.answer(packet) if self.trigger.open_at(now_ns) else None

    def answer(self, packet: Packet) -> Action | None:
        """What becomes of a packet while the fault lasts."""
        raise NotImplementedError

    def swallows(self, address: str, now_ns: int) -> bool:
        return False


class Silent(HostFault):
    """Nothing reaches the host and nothing leaves it."""

    def answer(self, packet: Packet) -> Action | None:
        silent = packet.destination if packet.destination in self.addresses else packet.source
        return Action(f"lost: {silent} is silent", copies=0, lost=True)

    def swallows(self, address: str, now_ns: int) -> bool:
        return address in self.addresses and self.trigger.open_at(now_ns)


class Refused(HostFault):
    """The host is up and no server runs: RST for a SYN, ICMP port unreachable for a datagram."""

    def answer(self, packet: Packet) -> Action | None:
        if packet.destination not in self.addresses or not (packet.kind is Kind.SYN or not packet.is_tcp):
            return None
        answer = reset_to_sender(packet) if packet.is_tcp else port_unreachable(packet)
        return Action("refused", copies=0, answers=(answer,))


class Unreachable(HostFault):
    """The way to the host is broken, and a router says so (ICMP)."""

    def answer(self, packet: Packet) -> Action | None:
        if packet.destination not in self.addresses:
            return Action("lost: no way back from the host", copies=0, lost=True)
        return Action("unreachable", copies=0, answers=(host_unreachable(packet),), lost=True)

    def swallows(self, address: str, now_ns: int) -> bool:
        return address in self.addresses and self.trigger.open_at(now_ns)


@dataclass(slots=True)
class WireFault:
    """What happens to packets of a kind, from some addresses to others, when the trigger strikes."""

    sources: frozenset[str]
    destinations: frozenset[str]
    kind: Kind | None
    trigger: Trigger
    deed: Callable[[Packet], Action]
    connection: int | None = None  # only the packets of this one, counted from 1
    _connections: dict[tuple[int, int], int] = field(default_factory=dict, init=False)

    def pairs(self, addresses: Iterable[str]) -> Iterable[Pair]:
        return ((source, destination) for source in self.sources for destination in self.destinations)

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        if self.connection is not None and self._number(packet) != self.connection:
            return None
        if self.kind is not None and packet.kind is not self.kind:
            return None
        return self.deed(packet) if self.trigger.strikes(now_ns) else None

    def swallows(self, address: str, now_ns: int) -> bool:
        return False

    def _number(self, packet: Packet) -> int:
        ports = (packet.source_port, packet.destination_port)
        if packet.kind in (Kind.SYN, Kind.SYN_ACK):
            self._connections.setdefault(ports, len(self._connections) + 1)
        return self._connections.get(ports, 0)


def lose(packet: Packet) -> Action:
    """The packet vanishes."""
    return Action(f"{packet.kind} lost", copies=0, lost=True)


def duplicate(packet: Packet) -> Action:
    """The packet arrives twice."""
    return Action(f"{packet.kind} duplicated", copies=2)


def delay(by_ns: int) -> Callable[[Packet], Action]:
    """The packet arrives later."""
    return lambda packet: Action(f"{packet.kind} delayed", delay_ns=by_ns)


def reset(ends: str) -> Callable[[Packet], Action]:
    """The packet vanishes and RST goes to its ``sender``, to its ``receiver``, or to ``both``."""

    def deed(packet: Packet) -> Action:
        if not packet.is_tcp:
            return lose(packet)
        answers = []
        if ends in ("sender", "both"):
            answers.append(reset_to_sender(packet))
        if ends in ("receiver", "both"):
            answers.append(reset_to_receiver(packet))
        return Action(f"{packet.kind} lost, connection reset ({ends})", copies=0, answers=tuple(answers), lost=True)

    return deed
