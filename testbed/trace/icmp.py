"""ICMP errors and the packets they complain about (RFC 792, RFC 4443)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np

from testbed.pcap.table import ICMP, ICMPV6, PacketTable

_V4_CODES = {0: "network", 1: "host", 2: "protocol", 3: "port", 4: "fragmentation needed", 10: "host prohibited"}
_V6_CODES = {0: "network", 1: "prohibited", 3: "host", 4: "port"}


@dataclass(frozen=True, slots=True)
class Complaint:
    """An ICMP destination-unreachable: its row in the packet table, what it says, and whose packet it quotes."""

    row: int
    what: str
    source: tuple[str, int]
    destination: tuple[str, int]


def complaints(table: PacketTable) -> Iterator[Complaint]:
    """Every destination-unreachable of a capture that quotes enough of a packet to tell its connection."""
    for row in np.flatnonzero((table.protocol == ICMP) | (table.protocol == ICMPV6)).tolist():
        octets = table.transport_octets(row)
        v6 = table.protocol[row] == ICMPV6
        if octets[0] != (1 if v6 else 3):
            continue
        codes = _V6_CODES if v6 else _V4_CODES
        quoted = _quoted(octets[8:])
        if quoted is not None:
            yield Complaint(row, f"ICMP {codes.get(octets[1], f'code {octets[1]}')} unreachable", *quoted)


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
