"""Decodes a capture's packets, from the link layer to the transport header, a batch at a time.

Rows of the table are the packets that carry TCP, UDP or ICMP over IP; everything else is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.capture import Capture, Interface, narrow
from testbed.pcap.fragments import Fragments, reassemble_fragments
from testbed.pcap.link import Ints, Octets, ip_offsets
from testbed.pcap.records import gather
from testbed.pcap.table import ICMP, ICMPV6, TCP, TCP_HEADER, UDP, PacketTable

_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200)
_FRAGMENT = 44
_MAX_EXTENSIONS = 8
_MIN_HEADER = {ICMP: 8, TCP: 20, UDP: 8, ICMPV6: 8}
_LEAST_HEADER = np.zeros(256, np.int64)
_LEAST_HEADER[list(_MIN_HEADER)] = list(_MIN_HEADER.values())
_RAW_IP = 101
_CUT = "packets are cut short: the capture does not hold all that they carried"
_BATCH = 1 << 13  # packets decoded at a time: what is needed only in between stays in the processor's cache


def packet_table(capture: Capture) -> PacketTable:
    """Decode a capture; fragments are put together first."""
    table, pieces = _decoded(capture)
    if not pieces:
        return table
    row, ip, end, v6, header = (np.concatenate(column) for column in zip(*pieces, strict=True))
    found = reassemble_fragments(capture.data, row, capture.time_ns[row], ip, end, v6.astype(np.bool_), header)
    if len(found):
        table, _ = _decoded(_with_datagrams(capture, found))
    return replace(table, unread=(*table.unread, *found.problems()))


def _with_datagrams(capture: Capture, found: Fragments) -> Capture:
    """A capture with whole datagrams in the places of the fragments that completed them."""
    length, original = capture.length.astype(np.uint32), capture.original.astype(np.uint32)
    offset, interface = capture.offset.copy(), capture.interface.copy()
    offset[found.row] = found.offset + len(capture.data)
    length[found.row] = original[found.row] = found.length
    interface[found.row] = len(capture.interfaces)
    return replace(
        capture,
        data=np.concatenate((capture.data, found.data)),
        offset=offset,
        length=length,
        original=original,
        interface=interface,
        interfaces=(*capture.interfaces, Interface(_RAW_IP, "reassembled")),
    )


def _decoded(capture: Capture) -> tuple[PacketTable, list[tuple[Ints, ...]]]:
    """The table of a capture, and the columns of the fragments in it."""
    decoder, count = _Decoder(capture), len(capture.offset)
    table = PacketTable(
        capture,
        row=np.empty(count, np.uint32),
        protocol=np.empty(count, np.uint8),
        v6=np.empty(count, np.bool_),
        sender=np.empty(count, np.uint32),
        receiver=np.empty(count, np.uint32),
        source_port=np.empty(count, np.uint16),
        destination_port=np.empty(count, np.uint16),
        headers=np.empty(count, np.uint16),
        header=np.empty(count, np.uint8),
        length=np.empty(count, np.uint32),
        flags=np.empty(count, np.uint8),
        v6_addresses=(),
        unread=(),
    )
    columns = {field.name: getattr(table, field.name) for field in fields(table)[1:12]}
    filled = 0
    for at in range(0, count, _BATCH):
        found = decoder.batch(slice(at, at + _BATCH))
        upto = filled + len(found[0])
        for column, values in zip(columns.values(), found, strict=True):
            column[filled:upto] = values
        filled = upto
    columns = {name: column[:filled] for name, column in columns.items()}
    columns["length"] = narrow(columns["length"])
    if filled == count:
        columns["row"] = capture.rows
    if not decoder.v6_addresses:
        columns["v6"] = np.broadcast_to(np.False_, filled)
    addresses, complaints = tuple(decoder.v6_addresses), tuple(decoder.complaints())
    return replace(table, **columns, v6_addresses=addresses, unread=complaints), decoder.fragments


class _Decoder:
    """Decodes batches of a capture, and counts what it could not decode."""

    def __init__(self, capture: Capture) -> None:
        self.v6_addresses: dict[bytes, int] = {}
        self._capture = capture
        self._link_types = sorted({interface.link_type for interface in capture.interfaces})
        self.fragments: list[tuple[Ints, ...]] = []  # rows, and the columns reassembly needs
        self._unread: Counter[int] = Counter()
        self._counts: Counter[str] = Counter()

    def complaints(self) -> Iterator[str]:
        """Sentences on what could not be read."""
        for link_type, count in self._unread.items():
            yield f"{count} frames of link type {link_type} cannot be read and are left out"
        for what, count in self._counts.items():
            if count:
                yield f"{count} {what}" + ("" if what is _CUT else " and are left out")

    def batch(self, rows: slice) -> tuple[NDArray[np.generic], ...]:
        """The columns of the packets among some rows of the capture."""
        data, start = self._capture.data, self._capture.offset[rows]
        caught = start + self._capture.length[rows]
        ip, on_wire = self._ip_positions(rows, start, caught)
        carries = np.flatnonzero(ip >= 0)
        start, caught, ip, on_wire = start[carries], caught[carries], ip[carries], on_wire[carries]
        end = np.minimum(on_wire, caught)
        header = gather(data, ip, 40)
        words = header.view(">u2")
        version = header[:, 0] >> 4
        v6 = version == 6
        size = np.where(v6, 40, (header[:, 0] & 15).astype(np.int64) * 4)
        total = np.where(v6, words[:, 2].astype(np.int64) + 40, words[:, 1])
        total = np.where(total < size, on_wire - ip, total)  # 0 where the sender's card did the segmenting
        total = np.minimum(total, on_wire - ip)
        protocol = np.where(v6, header[:, 6], header[:, 9]).astype(np.int64)
        fragmented = ~v6 & (words[:, 3] & 0x3FFF != 0)
        transport = ip + size
        if v6.any():
            protocol, transport = _extensions(data, protocol, transport, v6, end)
            fragmented |= v6 & (protocol == _FRAGMENT)
        if fragmented.any():
            columns = (rows.start + carries, ip, end, v6, transport)
            self.fragments.append(tuple(column[fragmented].astype(np.int64) for column in columns))
        least = _LEAST_HEADER[protocol]
        wanted = (least > 0) & ~fragmented & (size >= 20)
        whole = wanted & (transport + least <= end)
        self._counts["packets are cut too short to read their transport header"] += int((wanted & ~whole).sum())
        self._counts["packets are neither IPv4 nor IPv6"] += int(((version != 4) & ~v6).sum())
        cut = whole & (np.minimum(ip + total, on_wire) > caught)
        self._counts[_CUT] += int(cut.sum())
        keep = np.flatnonzero(whole)
        parts = (start[keep], v6[keep], protocol[keep], transport[keep], total[keep])
        return (rows.start + carries[keep], *self._columns(header[keep], ip[keep], *parts))

    def _ip_positions(self, rows: slice, start: Ints, caught: Ints) -> tuple[Ints, Ints]:
        """Where each packet's IP header begins, -1 for none, and where the packet ended on the wire."""
        capture = self._capture
        end = start + np.maximum(capture.length[rows], capture.original[rows])
        ip = np.full(len(start), -1, np.int64)
        for link_type in self._link_types:
            if len(self._link_types) == 1:
                mine = np.arange(len(start))
            else:
                matching = [n for n, interface in enumerate(capture.interfaces) if interface.link_type == link_type]
                mine = np.flatnonzero(np.isin(capture.interface[rows], matching))
            if not len(mine):
                continue
            stop = end[mine]
            found = ip_offsets(capture.data, link_type, start[mine], stop)
            if found is None:
                self._unread[link_type] += len(mine)
            else:
                end[mine] = stop
                ip[mine] = np.where(found + 20 <= np.minimum(stop, caught[mine]), found, -1)
        return ip, end

    def _columns(
        self, header: Octets, ip: Ints, start: Ints, v6: NDArray[np.bool_], protocol: Ints, transport: Ints, total: Ints
    ) -> tuple[NDArray[np.generic], ...]:
        longs = header.view(">u4")
        sender, receiver = longs[:, 3].astype(np.uint32), longs[:, 4].astype(np.uint32)
        for index in (np.flatnonzero(v6),):
            if len(index):
                sender[index] = self._numbers(header[index, 8:24])
                receiver[index] = self._numbers(header[index, 24:40])
        upper = gather(self._capture.data, transport, TCP_HEADER)
        words = upper.view(">u2")
        tcp = protocol == TCP
        ported = tcp | (protocol == UDP)
        size = np.where(tcp, np.maximum(upper[:, 12] >> 4, 5).astype(np.int64) * 4, 8)
        return (
            protocol,
            v6,
            sender,
            receiver,
            np.where(ported, words[:, 0], 0),
            np.where(ported, words[:, 1], 0),
            transport - start,
            size,
            np.maximum(0, ip + total - transport - size),
            np.where(tcp, upper[:, 13], 0),
        )

    def _numbers(self, addresses: Octets) -> list[int]:
        """A number for each 16-octet address."""
        known = self.v6_addresses
        texts = np.ascontiguousarray(addresses).view("V16").ravel().tolist()
        return [known.setdefault(text, len(known)) for text in texts]


def _extensions(data: Octets, protocol: Ints, position: Ints, v6: NDArray[np.bool_], end: Ints) -> tuple[Ints, Ints]:
    """Step over IPv6 extension headers, up to the header of a fragment that is not the whole."""
    for _ in range(_MAX_EXTENSIONS):
        extended = v6 & (np.isin(protocol, _EXTENSIONS) | (protocol == _FRAGMENT)) & (position + 8 <= end)
        if not extended.any():
            break
        header = gather(data, position, 8)
        is_fragment = protocol == _FRAGMENT
        extended &= ~is_fragment | ((header.view(">u2")[:, 1] & 0xFFF9) == 0)
        size = np.where(is_fragment, 8, (header[:, 1].astype(np.int64) + 1) * 8)
        protocol = np.where(extended, header[:, 0], protocol)
        position = np.where(extended, position + size, position)
    return protocol, position
