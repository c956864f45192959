"""What happens to chosen packets on their way from some addresses to others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from testbed.net import forge
from testbed.net.faults.action import Action, Deed, Pair
from testbed.net.faults.selection import Selection
from testbed.net.packet import Kind, Packet
from testbed.protocols.trigger import Trigger


@dataclass(slots=True)
class _OneWay:
    """Packets from some addresses to others, those of the selection, when the trigger strikes."""

    sources: frozenset[str]
    destinations: frozenset[str]
    selection: Selection
    trigger: Trigger

    def pairs(self, addresses: Iterable[str]) -> Iterable[Pair]:
        for source in self.sources:
            for destination in self.destinations:
                yield source, destination
                yield destination, source  # only to follow the connection

    def swallows(self, source: str, destination: str, now_ns: int) -> bool:
        return False

    def _strikes(self, packet: Packet, now_ns: int) -> bool:
        chosen = self.selection.chooses(packet) and packet.source in self.sources
        return chosen and self.trigger.strikes(now_ns)


@dataclass(slots=True)
class SelectiveFault(_OneWay):
    """Does one thing to each packet."""

    deed: Deed

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        return self.deed(packet, now_ns) if self._strikes(packet, now_ns) else None

    def persists(self, now_ns: int) -> bool:
        return self.trigger.certain(now_ns)


@dataclass(slots=True)
class Forgotten(_OneWay):
    """A router that keeps track of connections forgets one: from the packet on, nothing of it passes, either way.

    With ``resets`` it answers each packet with RST.  So the end that speaks first learns of it, and the other keeps a
    connection without a peer: a half-open one (RFC 9293 §3.5.1).
    """

    resets: bool
    _forgotten: set[frozenset[tuple[str, int]]] = field(default_factory=set, init=False)

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        ends = frozenset(packet.ends)
        if packet.kind is Kind.SYN:
            self._forgotten.discard(ends)
        if self._strikes(packet, now_ns) and packet.is_tcp:
            self._forgotten.add(ends)
        if ends not in self._forgotten:
            return None
        answers = (forge.reset_to_sender(packet),) if self.resets and packet.kind is not Kind.RST else ()
        return Action(f"{packet.kind} lost: the connection is forgotten", copies=0, answers=answers, lost=True)

    def persists(self, now_ns: int) -> bool:
        return True
