"""Packets as the wire sees them: a quick look at the header, and forged answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from socket import AF_INET, AF_INET6, inet_ntop

ROUTER = {4: "127.0.0.1", 6: "fd00::1"}
"""Who sends the ICMP errors: a router on the way."""

_TCP, _UDP = 6, 17
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10


class Kind(StrEnum):
    """What a packet is, for faults that choose among packets."""

    SYN = "SYN"
    SYN_ACK = "SYN-ACK"
    ACK = "ACK"  # only acknowledges
    DATA = "data"
    FIN = "FIN"
    RST = "RST"
    OTHER = "other"  # not TCP


@dataclass(frozen=True, slots=True)
class Packet:
    """One IP packet.  ``sequence``, ``acknowledgement`` and ``payload`` (octets) are 0 where it is not TCP."""

    data: bytes
    version: int
    source: str
    destination: str
    protocol: int
    kind: Kind
    flags: int = 0
    source_port: int = 0
    destination_port: int = 0
    sequence: int = 0
    acknowledgement: int = 0
    payload: int = 0

    @property
    def is_tcp(self) -> bool:
        """Whether it carries a TCP segment."""
        return self.protocol == _TCP


def look(data: bytes) -> Packet:
    """Read the header of a packet our own kernel made (RFC 791, 8200, 9293)."""
    if data[0] >> 4 == 4:
        version, start, protocol = 4, (data[0] & 15) * 4, data[9]
        source, destination = inet_ntop(AF_INET, data[12:16]), inet_ntop(AF_INET, data[16:20])
    else:
        version, start, protocol = 6, 40, data[6]
        source, destination = inet_ntop(AF_INET6, data[8:24]), inet_ntop(AF_INET6, data[24:40])
    if protocol != _TCP or len(data) < start + 20:
        return Packet(data, version, source, destination, protocol, Kind.OTHER)
    flags = data[start + 13]
    payload = len(data) - start - (data[start + 12] >> 4) * 4
    return Packet(
        data,
        version,
        source,
        destination,
        protocol,
        _kind(flags, payload),
        flags,
        int.from_bytes(data[start : start + 2], "big"),
        int.from_bytes(data[start + 2 : start + 4], "big"),
        int.from_bytes(data[start + 4 : start + 8], "big"),
        int.from_bytes(data[start + 8 : start + 12], "big"),
        payload,
    )


def _kind(flags: int, payload: int) -> Kind:
    if flags & _RST:
        return Kind.RST
    if flags & _SYN:
        return Kind.SYN_ACK if flags & _ACK else Kind.SYN
    if flags & _FIN:
        return Kind.FIN
    return Kind.DATA if payload else Kind.ACK


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

    ends = ((packet.source, packet.source_port), (packet.destination, packet.destination_port))
    (source, source_port), (destination, destination_port) = reversed(ends) if back else ends
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


def host_unreachable(packet: Packet) -> bytes:
    """ICMP destination unreachable, host (RFC 792 code 1), or ICMPv6 address unreachable (RFC 4443 code 3)."""
    return _unreachable(packet, ROUTER[packet.version], code=1 if packet.version == 4 else 3)


def port_unreachable(packet: Packet) -> bytes:
    """ICMP destination unreachable, port (RFC 792 code 3), or ICMPv6 port unreachable (RFC 4443 code 4)."""
    return _unreachable(packet, packet.destination, code=3 if packet.version == 4 else 4)


def _unreachable(packet: Packet, router: str, *, code: int) -> bytes:
    from scapy.layers.inet import ICMP, IP
    from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
    from scapy.packet import Raw

    if packet.version == 4:
        quoted = Raw(packet.data[: (packet.data[0] & 15) * 4 + 8])
        return bytes(IP(src=router, dst=packet.source) / ICMP(type=3, code=code) / quoted)
    return bytes(IPv6(src=router, dst=packet.source) / ICMPv6DestUnreach(code=code) / Raw(packet.data[:1232]))


def preload() -> None:
    """Load what forging needs, once, before labs are forked."""
    import scapy.layers.inet
    import scapy.layers.inet6  # noqa: F401
