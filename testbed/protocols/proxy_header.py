"""The header of the PROXY protocol, versions 1 and 2: whose connection a load balancer passes on (HAProxy, 2020).

It is the first a client sends, in one segment, and gets no reply.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from msgspec import Struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
BEGINNINGS = (b"PROXY ", SIGNATURE)

_VERSION_1 = re.compile(rb"PROXY (?:UNKNOWN[^\r\n]*|TCP[46] ([0-9a-fA-F.:]+) [0-9a-fA-F.:]+ (\d{1,5}) \d{1,5})\r\n")
_MOST_OCTETS = 107  # of version 1, §2.1
_FIXED = 16  # octets of version 2 before the addresses, §2.2
_ADDRESS_OCTETS = {0x10: 4, 0x20: 16}  # by family, §2.2


class ProxyHeader(Struct, frozen=True):
    """``source`` is address and port of the true client, ``""`` where the header tells none (a health check).

    ``octets`` is how long the header is.
    """

    version: int
    source: str
    octets: int


def parse_proxy_header(octets: bytes) -> ProxyHeader | None:
    """The header at the beginning of what a client said; None where there is none, or not a whole one."""
    if octets.startswith(SIGNATURE):
        return _version_2(octets)
    found = _VERSION_1.match(octets[:_MOST_OCTETS])
    if found is None:
        return None
    return ProxyHeader(1, _end(found[1].decode(), int(found[2])) if found[1] else "", found.end())


def _version_2(octets: bytes) -> ProxyHeader | None:
    if len(octets) < _FIXED or octets[12] >> 4 != 2:
        return None
    end = _FIXED + int.from_bytes(octets[14:16], "big")
    if len(octets) < end:
        return None
    width = _ADDRESS_OCTETS.get(octets[13] & 0xF0, 0) if octets[12] & 0x0F else 0
    if not width or end < _FIXED + 2 * width + 4:
        return ProxyHeader(2, "", end)
    ports = _FIXED + 2 * width
    address = str(ip_address(octets[_FIXED : _FIXED + width]))
    return ProxyHeader(2, _end(address, int.from_bytes(octets[ports : ports + 2], "big")), end)


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
