"""The headers of one packet: hardware addresses, IP addresses and options; what nobody understands behind them."""

from __future__ import annotations

from testbed.redact.addresses import Addresses
from testbed.redact.checksum import adjusted, change
from testbed.redact.filler import Filler

_HEADER_OF_LINK = {1: 14, 113: 16, 276: 20, 0: 4, 108: 4}  # octets by link type
_HARDWARE = {1: ((0, 6), (6, 12)), 113: ((6, 14),), 276: ((12, 20),)}
_ROUTES = (7, 131, 137)  # record route, loose and strict source routes (RFC 791 §3.1)
_KEPT_OPTIONS = (0, 1, 148)  # end, nothing, router alert (RFC 2113)
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION = 0, 43, 44, 60
_V4, _V6 = 20, 40


class Headers:
    """Replaces headers in place."""

    def __init__(self, addresses: Addresses, filler: Filler) -> None:
        self._addresses = addresses
        self._filler = filler

    def redact(
        self, packet: bytearray, link_type: int, ip: int | None, *, understood: bool, kept: bytes | None
    ) -> None:
        """Replace in a packet.

        ``ip`` is where its IP header begins.  What it carries stays where it is ``understood`` and was replaced; of a
        fragment, ``kept`` is what it carries.
        """
        for start, end in _HARDWARE.get(link_type, ()):
            packet[start:end] = self._hardware(bytes(packet[start:end]))
        version = packet[ip] >> 4 if ip is not None and ip < len(packet) else 0
        if ip is not None and version == 4 and len(packet) >= ip + _V4:
            at, end = self._version_4(packet, ip)
        elif ip is not None and version == 6 and len(packet) >= ip + _V6:
            at, end = self._version_6(packet, ip)
        else:
            at = 1 + (ip if ip is not None else _HEADER_OF_LINK.get(link_type, 0))
            packet[at:] = self._filler.octets(bytes(packet[at:]))
            return
        if kept is not None:
            end = min(len(packet), at + len(kept))
            packet[at:end] = kept[: end - at]
        elif not understood:
            packet[at:end] = self._filler.octets(bytes(packet[at:end]))
        packet[end:] = bytes(len(packet) - end)  # what pads a frame may be anything that lay in memory

    def _hardware(self, address: bytes) -> bytes:
        """Another address; of groups the kind of group stays, and nobody stays nobody."""
        if not any(address) or address == b"\xff" * len(address):
            return address
        new = self._filler.octets(address)
        if address[0] & 1:
            return address[:3] + new[3:]
        return bytes((new[0] & 0xFC | 2,)) + new[1:]

    def _version_4(self, packet: bytearray, ip: int) -> tuple[int, int]:
        """Replace an IPv4 header; where what it carries begins and ends."""
        size = max(_V4, (packet[ip] & 15) * 4)
        at = min(ip + size, len(packet))
        old = bytes(packet[ip:at])
        for start in (ip + 12, ip + 16):
            packet[start : start + 4] = self._addresses.packed(bytes(packet[start : start + 4]))
        self._options(packet, ip + _V4, at)
        checksum = int.from_bytes(old[10:12], "big")
        if checksum:
            told = adjusted(checksum, change(old, bytes(packet[ip:at])))
            packet[ip + 10 : ip + 12] = told.to_bytes(2, "big")
        total = int.from_bytes(old[2:4], "big")
        return at, max(at, min(len(packet), ip + total)) if total >= size else len(packet)

    def _options(self, packet: bytearray, at: int, end: int) -> None:
        while at + 1 < end:
            kind = packet[at]
            if kind == 0:
                return
            length = 1 if kind == 1 else max(2, packet[at + 1])
            stop = min(at + length, end)
            if kind in _ROUTES:
                for start in range(at + 3, stop - 3, 4):
                    packet[start : start + 4] = self._addresses.packed(bytes(packet[start : start + 4]))
            elif kind not in _KEPT_OPTIONS:
                packet[at + 2 : stop] = self._filler.octets(bytes(packet[at + 2 : stop]))
            at += length

    def _version_6(self, packet: bytearray, ip: int) -> tuple[int, int]:
        for start in (ip + 8, ip + 24):
            packet[start : start + 16] = self._addresses.packed(bytes(packet[start : start + 16]))
        kind, at = packet[ip + 6], ip + _V6
        while kind in (_HOP_BY_HOP, _ROUTING, _DESTINATION, _FRAGMENT) and at + 8 <= len(packet):
            size = 8 if kind == _FRAGMENT else (packet[at + 1] + 1) * 8
            stop = min(at + size, len(packet))
            if kind == _ROUTING:
                for start in range(at + 8, stop - 15, 16):
                    packet[start : start + 16] = self._addresses.packed(bytes(packet[start : start + 16]))
            offset = int.from_bytes(packet[at + 2 : at + 4], "big") & 0xFFF9 if kind == _FRAGMENT else 0
            kind, at = packet[at], stop
            if offset:
                break
        total = int.from_bytes(packet[ip + 4 : ip + 6], "big")
        return at, max(at, min(len(packet), ip + _V6 + total)) if total else len(packet)
