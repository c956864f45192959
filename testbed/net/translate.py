"""Packets of the machine's loopback as the lab's hosts mean them: with the ports of the services.

The checksums the kernel leaves out on loopback, where nobody looks at them, are filled in, as a network card does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

TCP, UDP, ICMP = 6, 17, 1
_CHECKSUM_AT = {TCP: 16, UDP: 6}
_ICMP_HEADER = 8
_QUOTING = (3, 4, 5, 11, 12)  # ICMP messages that hold the beginning of a packet (RFC 792)


def ports_of(packet: bytes) -> tuple[int, int] | None:
    """The source and destination port of an IPv4 packet, or of the one an ICMP error quotes; None when it has none."""
    start, protocol = (packet[0] & 15) * 4, packet[9]
    if protocol == ICMP:
        quoted = packet[start + _ICMP_HEADER :]
        whole = packet[start] in _QUOTING and len(quoted) >= 28 and quoted[9] != ICMP
        return ports_of(quoted) if whole else None
    if protocol not in _CHECKSUM_AT or len(packet) < start + 4:
        return None
    source, destination = struct.unpack_from(">HH", packet, start)
    return source, destination


def translated(packet: bytes, service: Callable[[int], int]) -> bytes:
    """A whole IPv4 packet with its ports, or those of a packet it quotes, put in the place of others."""
    octets = bytearray(packet)
    start, protocol = (packet[0] & 15) * 4, packet[9]
    if protocol == ICMP:
        quoted = start + _ICMP_HEADER
        _put_ports(octets, quoted + (packet[quoted] & 15) * 4, service)
        _put_checksum(octets, start + 2, bytes(octets[start : start + 2] + b"\0\0" + octets[start + 4 :]))
        return bytes(octets)
    _put_ports(octets, start, service)
    place = start + _CHECKSUM_AT[protocol]
    octets[place : place + 2] = b"\0\0"
    pseudo_header = octets[12:20] + struct.pack(">HH", protocol, len(octets) - start)
    _put_checksum(octets, place, bytes(pseudo_header + octets[start:]), never_zero=protocol == UDP)
    return bytes(octets)


def _put_ports(octets: bytearray, at: int, service: Callable[[int], int]) -> None:
    source, destination = struct.unpack_from(">HH", octets, at)
    struct.pack_into(">HH", octets, at, service(source), service(destination))


def _put_checksum(octets: bytearray, at: int, covered: bytes, *, never_zero: bool = False) -> None:
    """The Internet checksum (RFC 1071); of UDP, 0 would say that there is none (RFC 768)."""
    if len(covered) % 2:
        covered += b"\0"
    checksum = -int.from_bytes(covered, "big") % 0xFFFF
    struct.pack_into(">H", octets, at, 0xFFFF if never_zero and not checksum else checksum)
