"""The packet table: IP and transport headers as NumPy columns.

No Python object exists per packet.  Rows are those of the capture that carry TCP, UDP or ICMP over IP; everything
else is counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.capture import Capture
from testbed.pcap.link import Ints, Octets, ip_offsets, octet, word

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200)
_FRAGMENT = 44
_MAX_EXTENSIONS = 8
_MIN_HEADER = {ICMP: 8, TCP: 20, UDP: 8, ICMPV6: 8}


@dataclass(frozen=True, slots=True)
class PacketTable:
    """One row per TCP, UDP or ICMP packet, in file order.

    ``row`` is the packet's row in the capture.  ``source`` and ``destination`` index ``addresses``; ports are 0 for
    ICMP.  ``transport`` is where the transport header begins in the capture's data, ``payload`` where what follows
    it begins, ``length`` the payload's octets on the wire, ``captured`` those in the file.
    """

    row: Ints
    frame: Ints
    time_ns: Ints
    protocol: Ints
    source: Ints
    destination: Ints
    source_port: Ints
    destination_port: Ints
    transport: Ints
    payload: Ints
    length: Ints
    captured: Ints
    sequence: Ints
    acknowledgement: Ints
    flags: Ints
    window: Ints
    addresses: tuple[str, ...]
    unread: tuple[str, ...]  # sentences on what could not be read

    def __len__(self) -> int:
        return len(self.row)


def packet_table(capture: Capture) -> PacketTable:
    """Decode a capture."""
    data, offset = capture.data, capture.offset
    ip, on_wire, unread = _ip_positions(capture)
    carries = np.flatnonzero(ip >= 0)
    ip, on_wire = ip[carries], on_wire[carries]
    end = np.minimum(on_wire, (offset + capture.length)[carries])
    version = octet(data, ip) >> 4
    v6 = version == 6
    header = np.where(v6, 40, (octet(data, ip) & 15) * 4)
    total = np.where(v6, word(data, ip + 4) + 40, word(data, ip + 2))
    total = np.where(total < header, on_wire - ip, total)  # 0 where the sender's card did the segmenting
    total = np.minimum(total, on_wire - ip)
    protocol = np.where(v6, octet(data, ip + 6), octet(data, ip + 9))
    fragment = np.where(v6, 0, word(data, ip + 6) & 0x3FFF)
    protocol, transport, fragment6 = _extensions(data, protocol, ip + header, v6, end)
    fragmented = (fragment != 0) | fragment6
    wanted = np.isin(protocol, list(_MIN_HEADER)) & ~fragmented & (header >= 20)
    whole = wanted & (transport + 8 <= end)
    for number, octets in _MIN_HEADER.items():
        whole &= (protocol != number) | (transport + octets <= end)
    unread += _complaints(fragmented, wanted, whole, version)
    keep = np.flatnonzero(whole)
    return _table(
        capture, carries[keep], protocol[keep], ip[keep], v6[keep], total[keep], transport[keep], end[keep], unread
    )


def _ip_positions(capture: Capture) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Where each packet's IP header begins, -1 for none, and where the packet ended on the wire."""
    offset, captured = capture.offset, capture.offset + capture.length
    end = offset + np.maximum(capture.length, capture.original)
    ip = np.full(len(offset), -1, np.int64)
    unread: Counter[int] = Counter()
    for link_type in {interface.link_type for interface in capture.interfaces}:
        matching = [i for i, interface in enumerate(capture.interfaces) if interface.link_type == link_type]
        rows = np.flatnonzero(np.isin(capture.interface, matching))
        if not len(rows):
            continue
        stop = end[rows]
        found = ip_offsets(capture.data, link_type, offset[rows], stop)
        if found is None:
            unread[link_type] += len(rows)
        else:
            end[rows] = stop
            ip[rows] = np.where(found + 20 <= np.minimum(stop, captured[rows]), found, -1)
    sentences = (f"{n} frames of link type {t} cannot be read and are left out" for t, n in unread.items())
    return ip, end, tuple(sentences)


def _extensions(
    data: Octets, protocol: Ints, position: Ints, v6: NDArray[np.bool_], end: Ints
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Step over IPv6 extension headers; the last result tells which packets are fragments."""
    fragmented = np.zeros(len(protocol), bool)
    for _ in range(_MAX_EXTENSIONS):
        extended = v6 & (np.isin(protocol, _EXTENSIONS) | (protocol == _FRAGMENT)) & (position + 8 <= end)
        if not extended.any():
            break
        is_fragment = extended & (protocol == _FRAGMENT)
        fragmented |= is_fragment & ((word(data, position + 2) & 0xFFF9) != 0)
        size = np.where(is_fragment, 8, (octet(data, position + 1) + 1) * 8)
        protocol = np.where(extended, octet(data, position), protocol)
        position = np.where(extended, position + size, position)
    return protocol, position, fragmented


def _complaints(
    fragmented: NDArray[np.bool_], wanted: NDArray[np.bool_], whole: NDArray[np.bool_], version: Ints
) -> tuple[str, ...]:
    counts = (
        (int(fragmented.sum()), "IP fragments are not put together and are left out"),
        (int((wanted & ~whole).sum()), "packets are cut too short to read their transport header and are left out"),
        (int(((version != 4) & (version != 6)).sum()), "packets are neither IPv4 nor IPv6 and are left out"),
    )
    return tuple(f"{count} {what}" for count, what in counts if count)


def _table(
    capture: Capture,
    rows: Ints,
    protocol: Ints,
    ip: Ints,
    v6: NDArray[np.bool_],
    total: Ints,
    transport: Ints,
    end: Ints,
    unread: tuple[str, ...],
) -> PacketTable:
    data = capture.data
    source, destination, addresses = _addresses(data, ip, v6)
    tcp, ported = protocol == TCP, (protocol == TCP) | (protocol == UDP)
    size = np.where(tcp, (octet(data, np.where(tcp, transport + 12, 0)) >> 4) * 4, 8)
    size = np.where(tcp & (size < 20), 20, size)
    payload = transport + size
    tcp_at = np.where(tcp, transport, 0)
    number = _longs(data, tcp_at)
    return PacketTable(
        row=rows,
        frame=capture.frame[rows],
        time_ns=capture.time_ns[rows],
        protocol=protocol,
        source=source,
        destination=destination,
        source_port=np.where(ported, word(data, transport), 0),
        destination_port=np.where(ported, word(data, transport + 2), 0),
        transport=transport,
        payload=payload,
        length=np.maximum(0, ip + total - payload),
        captured=np.clip(np.minimum(ip + total, end) - payload, 0, None),
        sequence=np.where(tcp, number[0], 0),
        acknowledgement=np.where(tcp, number[1], 0),
        flags=np.where(tcp, octet(data, tcp_at + 13), 0),
        window=np.where(tcp, word(data, tcp_at + 14), 0),
        addresses=addresses,
        unread=unread,
    )


def _longs(data: Octets, transport: Ints) -> tuple[Ints, Ints]:
    """Sequence and acknowledgement number."""
    return (
        word(data, transport + 4) << 16 | word(data, transport + 6),
        word(data, transport + 8) << 16 | word(data, transport + 10),
    )


def _addresses(data: Octets, ip: Ints, v6: NDArray[np.bool_]) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Source and destination as indices into one list of address texts."""
    count = len(ip)
    raw = np.zeros((2 * count, 17), np.uint8)
    for half, (at4, at6) in enumerate(((12, 8), (16, 24))):
        rows = raw[half * count : (half + 1) * count]
        rows[:, 0] = np.where(v6, 6, 4)
        for column in range(16):
            at = np.where(v6, at6 + column, at4 + min(column, 3))
            value = data[np.minimum(ip + at, len(data) - 1)] if count else np.zeros(0, np.uint8)
            rows[:, 1 + column] = np.where(v6 | (column < 4), value, 0)
    unique, index = np.unique(raw.view("V17").ravel(), return_inverse=True)
    texts = tuple(_text(bytes(entry)) for entry in unique.tolist())
    return index[:count].astype(np.int64), index[count:].astype(np.int64), texts


def _text(entry: bytes) -> str:
    return inet_ntop(AF_INET6, entry[1:17]) if entry[0] == 6 else inet_ntop(AF_INET, entry[1:5])
