"""What a fault decides about a packet, and what every fault can be asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Protocol

from msgspec import Struct

from testbed.net.packet import Packet

Pair = tuple[str, str]
"""Source and destination address."""


class Action(Struct, frozen=True):
    """What becomes of a packet: how many copies arrive, how late, and what forged packets are sent in answer.

    ``lost`` marks a packet the wire destroyed; one that a host answers (by RST) has arrived, though no kernel sees it.
    ``data`` arrives instead of the packet, ``void`` where a kernel will discard it.  ``behind`` holds the packet back
    until so many later ones of its direction have passed.  ``starves`` tells that the receiver of the packet will have
    to ask whether it may send on.  ``vain`` says why nobody can tell the difference, ``""`` where one can.  What
    ``follows`` from a strike is none.
    """

    what: str
    copies: int = 1
    delay_ns: int = 0
    answers: tuple[bytes, ...] = ()
    lost: bool = False
    data: bytes | None = None
    void: bool = False
    behind: int = 0
    starves: bool = False
    vain: str = ""
    follows: bool = False

    @property
    def in_vain(self) -> bool:
        """Whether nobody takes note of the packet, so that its sender will repeat it."""
        return self.lost or self.void


Deed = Callable[[Packet, int], Action]
"""What happens to a packet at a time."""


class PacketFault(Protocol):
    """One fault."""

    def pairs(self, addresses: Iterable[str]) -> Iterable[Pair]:
        """The pairs of addresses it is asked about, out of those of the lab."""

    def act(self, packet: Packet, now_ns: int) -> Action | None:
        """What becomes of the packet, None when the fault has nothing to do with it."""

    def swallows(self, source: str, destination: str, now_ns: int) -> bool:
        """Whether nothing that one address sends to another arrives at present, however often it is repeated."""

    def persists(self, now_ns: int) -> bool:
        """Whether a packet it has just struck would be struck again now, however often it is repeated."""


def pairs_of(own: Collection[str], addresses: Iterable[str]) -> Iterator[Pair]:
    """Every pair in which one side is a host's own address and the other is not, both ways."""
    for other in (address for address in addresses if address not in own):
        for address in own:
            yield address, other
            yield other, address
