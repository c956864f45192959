"""Packets as the wire sees them: a quick look at the header."""

from __future__ import annotations

from enum import StrEnum
from socket import AF_INET, AF_INET6, inet_ntop

from msgspec import Struct

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


class Packet(Struct, frozen=True):
    """One IP packet.  ``sequence``, ``acknowledgement`` and ``payload`` (octets) are 0 where it is not TCP.

    ``transport`` is where the transport header begins.
    """

    data: bytes
    version: int
    source: str
    destination: str
    protocol: int
    kind: Kind
    transport: int
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

    @property
    def is_udp(self) -> bool:
        """Whether it carries a UDP datagram."""
        return self.protocol == _UDP

    @property
    def ends(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Address and port it comes from, and those it goes to."""
        return (self.source, self.source_port), (self.destination, self.destination_port)


def look(data: bytes) -> Packet:
    """Read the header of a packet our own kernel made (RFC 791, 8200, 9293)."""
    if data[0] >> 4 == 4:
        version, start, protocol = 4, (data[0] & 15) * 4, data[9]
        source, destination = inet_ntop(AF_INET, data[12:16]), inet_ntop(AF_INET, data[16:20])
    else:
        version, start, protocol = 6, 40, data[6]
        source, destination = inet_ntop(AF_INET6, data[8:24]), inet_ntop(AF_INET6, data[24:40])
    if protocol != _TCP or len(data) < start + 20:
        return Packet(data, version, source, destination, protocol, Kind.OTHER, start)
    flags = data[start + 13]
    payload = len(data) - start - (data[start + 12] >> 4) * 4
    return Packet(
        data,
        version,
        source,
        destination,
        protocol,
        _kind(flags, payload),
        start,
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
