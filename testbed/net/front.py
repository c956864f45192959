"""Where packets go when something of ours stands in front of a program: which are the lab's, and which pass behind.

The front has a network of its own, in which every address of the lab is at home.  It listens at the places of the
programs, and what a client sends to one comes to it.  It connects to the program from the client's own address: what
passes between those two the wire carries, and nobody else sees.  While a program does not listen, its place is its own,
so that whoever comes is refused by its own kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from testbed.protocols.tcp import ACK, SYN

_ICMP, _TCP, _ICMPV6 = 1, 6, 58
_ICMP_HEADER = 8

Place = tuple[bytes, int]
"""A packed address and a TCP port."""


class Fronted(Struct, frozen=True):
    """A place of a program: the device of its network, and whether it ``listens`` there."""

    device: int
    listens: Callable[[], bool]


class Front(Struct, frozen=True):
    """``device`` is that of the front's own network, ``places`` are those it stands for."""

    device: int
    places: Mapping[Place, Fronted]
    _direct: set[tuple[Place, Place]] = field(default_factory=set)  # connections, by client and place

    def behind(self, data: bytes, device: int) -> int | None:
        """Where a packet goes that passes between the front and a program; None for any other."""
        ends = _ends(data)
        if ends is None:
            return None
        source, destination = ends
        if device != self.device:
            own = self.places.get(source)
            inside = own is not None and own.device == device and (destination, source) not in self._direct
            return self.device if inside else None
        place = self.places.get(destination)
        if source in self.places or place is None:
            return None
        self._direct.discard(ends)
        return place.device

    def ahead(self, data: bytes) -> int | None:
        """The device of a packet that somebody sends to such a place; None for one to anywhere else."""
        ends = _ends(data) or _ends_of_quoted(data)
        if ends is None or (place := self.places.get(ends[1])) is None:
            return None
        if _opens(data):
            (self._direct.discard if place.listens() else self._direct.add)(ends)
        return place.device if ends in self._direct else self.device


def _start(data: bytes, begin: int = 0) -> tuple[int, int, bytes, bytes]:
    """The protocol, where its header begins, the source and the destination of an IP packet."""
    if data[begin] >> 4 == 4:
        start = begin + (data[begin] & 15) * 4
        return data[begin + 9], start, data[begin + 12 : begin + 16], data[begin + 16 : begin + 20]
    return data[begin + 6], begin + 40, data[begin + 8 : begin + 24], data[begin + 24 : begin + 40]


def _ends(data: bytes, begin: int = 0) -> tuple[Place, Place] | None:
    protocol, start, source, destination = _start(data, begin)
    if protocol != _TCP:
        return None
    ports = data[start : start + 4]
    return (source, int.from_bytes(ports[:2], "big")), (destination, int.from_bytes(ports[2:], "big"))


def _ends_of_quoted(data: bytes) -> tuple[Place, Place] | None:
    """Of an ICMP message, the ends of the packet it is about, the other way round: whom it is for stands last."""
    protocol, start, _, _ = _start(data)
    if protocol not in (_ICMP, _ICMPV6) or len(data) <= start + _ICMP_HEADER + 40:
        return None
    ends = _ends(data, start + _ICMP_HEADER)
    return (ends[1], ends[0]) if ends is not None else None


def _opens(data: bytes) -> bool:
    protocol, start, _, _ = _start(data)
    return protocol == _TCP and data[start + 13] & (SYN | ACK) == SYN
