"""ICMP messages: the packet an error quotes, neighbours, echoes (RFC 792, RFC 4443, RFC 4861)."""

from __future__ import annotations

from testbed.redact.checksum import adjusted, change
from testbed.redact.dialogues.dialogue import Tools

_ERRORS_V4, _REDIRECT_V4 = (3, 4, 5, 11, 12), 5
_ERRORS_V6 = (1, 2, 3, 4)
_NEIGHBOURS = (135, 136)
_FIXED = 8  # octets before what an error quotes
_PORTS = 8  # octets of a transport header that an error quotes at least
_TCP = 6


def icmp(octets: bytes, v6: bool, tools: Tools) -> bytes:
    """What stands for a message; its checksum is left to others."""
    if len(octets) < _FIXED:
        return octets
    new, kind, packed = bytearray(octets), octets[0], tools.texts.addresses.packed
    if kind in (_ERRORS_V6 if v6 else _ERRORS_V4):
        if kind == _REDIRECT_V4 and not v6:
            new[4:8] = packed(octets[4:8])
        new[_FIXED:] = _quoted(octets[_FIXED:], tools)
    elif v6 and kind in _NEIGHBOURS and len(octets) >= 24:
        new[8:24] = packed(octets[8:24])
        new[24:] = tools.filler.octets(octets[24:])
    else:
        new[_FIXED:] = tools.filler.octets(octets[_FIXED:])
    return bytes(new)


def _quoted(packet: bytes, tools: Tools) -> bytes:
    new, packed = bytearray(packet), tools.texts.addresses.packed
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        at, protocol = (packet[0] & 15) * 4, packet[9]
        new[12:16], new[16:20] = packed(packet[12:16]), packed(packet[16:20])
        checksum = int.from_bytes(packet[10:12], "big")
        if checksum:
            new[10:12] = adjusted(checksum, change(packet[:20], bytes(new[:20]))).to_bytes(2, "big")
    elif len(packet) >= 40 and packet[0] >> 4 == 6:
        at, protocol = 40, packet[6]
        new[8:24], new[24:40] = packed(packet[8:24]), packed(packet[24:40])
    else:
        return packet[:1] + tools.filler.octets(packet[1:])
    size = _PORTS
    if protocol == _TCP and len(packet) > at + 12:
        size = max(20, (packet[at + 12] >> 4) * 4)
    new[at + size :] = tools.filler.octets(packet[at + size :])
    return bytes(new)
