"""ICMP errors and the packets they complain about (RFC 792, RFC 4443)."""

from __future__ import annotations

from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np
from msgspec import Struct

from testbed.pcap.table import ICMP, ICMPV6, PacketTable

_V4_CODES = {
    0: "network",
    1: "host",
    2: "protocol",
    3: "port",
    4: "fragmentation needed",
    5: "source route",
    9: "network prohibited",
    10: "host prohibited",
    13: "communication prohibited",
}
_V6_CODES = {0: "network", 1: "prohibited", 3: "host", 4: "port", 5: "source policy", 6: "route rejected"}
_TOO_BIG = "fragmentation needed"


class Complaint(Struct, frozen=True):
    """An ICMP destination-unreachable: its row in the packet table, what it says, and whose packet it quotes."""

    row: int
    what: str
    source: tuple[str, int]
    destination: tuple[str, int]

    @property
    def is_final(self) -> bool:
        """Whether it says that the packet cannot be delivered at all, rather than that it is too large."""
        return _TOO_BIG not in self.what


def complaints(table: PacketTable) -> Iterator[Complaint]:
    """Every destination-unreachable of a capture that quotes enough of a packet to tell its connection."""
    for row in np.flatnonzero((table.protocol == ICMP) | (table.protocol == ICMPV6)).tolist():
        octets = table.transport_octets(row)
        v6 = table.protocol[row] == ICMPV6
        what = _what(octets, v6)
        quoted = _quoted(octets[8:]) if what else None
        if quoted is not None:
            yield Complaint(row, f"ICMP {what}", *quoted)


def _what(octets: bytes, v6: bool) -> str:
    """What an ICMP message complains about, nothing where it is no error of this kind."""
    kind, code = octets[0], octets[1]
    if v6 and kind == 2:
        return f"{_TOO_BIG}, at most {int.from_bytes(octets[4:8], 'big')} octets"  # RFC 4443 §3.2
    if v6 and (kind, code) == (4, 1):
        return "protocol unreachable"
    if kind != (1 if v6 else 3):
        return ""
    if not v6 and code == 4:
        limit = int.from_bytes(octets[6:8], "big")  # RFC 1191 §4; nothing in older routers
        return _TOO_BIG + (f", at most {limit} octets" if limit else "")
    return f"{(_V6_CODES if v6 else _V4_CODES).get(code, f'code {code}')} unreachable"


def _quoted(octets: bytes) -> tuple[tuple[str, int], tuple[str, int]] | None:
    if not octets:
        return None
    if octets[0] >> 4 == 4:
        at, ends = (octets[0] & 15) * 4, (octets[12:16], octets[16:20])
        family = AF_INET
    else:
        at, ends = 40, (octets[8:24], octets[24:40])
        family = AF_INET6
    if len(octets) < at + 4 or at < 20:
        return None
    ports = int.from_bytes(octets[at : at + 2], "big"), int.from_bytes(octets[at + 2 : at + 4], "big")
    return (inet_ntop(family, ends[0]), ports[0]), (inet_ntop(family, ends[1]), ports[1])
