"""Packets the wire makes or changes itself: RST, ICMP errors, another window."""

from __future__ import annotations

from ipaddress import ip_address

from testbed.net.networks import router_of
from testbed.net.packet import Packet

UNREACHABLE: dict[str, dict[int, tuple[int, int]]] = {
    "net": {4: (3, 0), 6: (1, 0)},
    "host": {4: (3, 1), 6: (1, 3)},
    "protocol": {4: (3, 2), 6: (4, 1)},  # ICMPv6: parameter problem, unrecognized next header
    "port": {4: (3, 3), 6: (1, 4)},
    "source route": {4: (3, 5), 6: (1, 5)},  # ICMPv6: source address failed policy
    "net prohibited": {4: (3, 9), 6: (1, 6)},  # ICMPv6: reject route
    "host prohibited": {4: (3, 10), 6: (1, 1)},
    "prohibited": {4: (3, 13), 6: (1, 1)},
}
"""Type and code of the ICMP errors, by IP version (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1, RFC 4443 §3.1)."""

_FIN, _SYN, _ACK = 0x01, 0x02, 0x10
_WINDOW, _CHECKSUM = 14, 16  # places in the TCP header


def reset_to_sender(packet: Packet) -> bytes:
    """The RST the destination would send in answer (RFC 9293 §3.10.7.1)."""
    consumed = packet.payload + bool(packet.flags & _SYN) + bool(packet.flags & _FIN)
    return _reset(
        packet,
        back=True,
        flags="R" if packet.flags & _ACK else "RA",
        sequence=packet.acknowledgement if packet.flags & _ACK else 0,
        acknowledgement=0 if packet.flags & _ACK else packet.sequence + consumed,
    )


def reset_to_receiver(packet: Packet) -> bytes:
    """The RST the sender would send instead of the packet."""
    return _reset(packet, back=False, flags="RA", sequence=packet.sequence, acknowledgement=packet.acknowledgement)


def _reset(packet: Packet, *, back: bool, flags: str, sequence: int, acknowledgement: int) -> bytes:
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6

    (source, source_port), (destination, destination_port) = reversed(packet.ends) if back else packet.ends
    network = (IP if packet.version == 4 else IPv6)(src=source, dst=destination)
    segment = TCP(
        sport=source_port,
        dport=destination_port,
        flags=flags,
        seq=sequence & 0xFFFFFFFF,
        ack=acknowledgement & 0xFFFFFFFF,
        window=0,
    )
    return bytes(network / segment)


def unreachable(packet: Packet, what: str) -> bytes:
    """A router's answer that something of :data:`UNREACHABLE` cannot be reached."""
    return _error(packet, _router(packet), *UNREACHABLE[what][packet.version])


def port_unreachable(packet: Packet) -> bytes:
    """A host's own answer to a datagram nobody listens for."""
    return _error(packet, packet.destination, *UNREACHABLE["port"][packet.version])


def too_big(packet: Packet, limit: int) -> bytes:
    """A router's answer that packets may have ``limit`` octets at most (RFC 1191 §4, RFC 4443 §3.2)."""
    return _error(packet, _router(packet), *{4: (3, 4), 6: (2, 0)}[packet.version], rest=limit)


def _router(packet: Packet) -> str:
    return str(router_of(ip_address(packet.source)))


def _error(packet: Packet, router: str, kind: int, code: int, rest: int = 0) -> bytes:
    """An ICMP error with ``rest`` in the four octets behind its checksum, and the beginning of the packet."""
    from scapy.layers.inet import ICMP, IP
    from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, IPv6
    from scapy.packet import Raw

    if packet.version == 4:
        message = ICMP(type=kind, code=code, **({"nexthopmtu": rest} if rest else {}))
        return bytes(IP(src=router, dst=packet.source) / message / Raw(packet.data[: packet.transport + 8]))
    six = {
        1: lambda: ICMPv6DestUnreach(code=code),
        2: lambda: ICMPv6PacketTooBig(mtu=rest),
        4: lambda: ICMPv6ParamProblem(code=code, ptr=6),  # where the next header stands
    }
    return bytes(IPv6(src=router, dst=packet.source) / six[kind]() / Raw(packet.data[:1232]))


def with_window(packet: Packet, window: int) -> bytes:
    """The packet with another window, and a checksum that fits (RFC 1624)."""
    data = bytearray(packet.data)
    at, checksum = packet.transport + _WINDOW, packet.transport + _CHECKSUM
    before = int.from_bytes(data[at : at + 2], "big")
    total = (~int.from_bytes(data[checksum : checksum + 2], "big") & 0xFFFF) + (~before & 0xFFFF) + window
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    data[at : at + 2] = window.to_bytes(2, "big")
    data[checksum : checksum + 2] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(data)


def preload() -> None:
    """Load what forging needs, once, before labs are forked."""
    import scapy.layers.inet
    import scapy.layers.inet6  # noqa: F401
