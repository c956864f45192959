"""Decodes a capture's packets, from the link layer to the transport header, a batch at a time.

Rows of the table are the packets that carry TCP, UDP or ICMP over IP; everything else is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Lock

import numpy as np
from msgspec.structs import fields, replace
from numpy.typing import NDArray

from testbed.native.library import library
from testbed.pcap.capture import Capture, Interface
from testbed.pcap.fragments import Fragments, reassemble_fragments
from testbed.pcap.headers import Batch, Headers
from testbed.pcap.link import Ints, Octets, ip_offsets
from testbed.pcap.parts import in_threads, parts
from testbed.pcap.records import distinct, gather
from testbed.pcap.table import ICMP, ICMPV6, TCP, TCP_HEADER, UDP, PacketTable

_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200)
_FRAGMENT = 44
_MAX_EXTENSIONS = 8
_MIN_HEADER = {ICMP: 8, TCP: 20, UDP: 8, ICMPV6: 8}
_LEAST_HEADER = np.zeros(256, np.int64)
_LEAST_HEADER[list(_MIN_HEADER)] = list(_MIN_HEADER.values())
_RAW_IP = 101
_MOST_NAMED = 8  # link types that cannot be read
_SHORT = "packets are cut too short to read their transport header"
_NO_IP = "packets are neither IPv4 nor IPv6"
_CUT = "packets are cut short: the capture does not hold all that they carried"


def packet_table(capture: Capture) -> PacketTable:
    """Decode a capture; fragments are put together first."""
    return table_and_fragments(capture)[0]


def table_and_fragments(capture: Capture) -> tuple[PacketTable, Fragments | None]:
    """Decode a capture, and tell what was put together; None where there are no fragments."""
    table, pieces = _decoded(capture)
    if not pieces:
        return table, None
    row, ip, end, v6, header = (np.concatenate(column) for column in zip(*pieces, strict=True))
    found = reassemble_fragments(capture.data, row, capture.time_ns[row], ip, end, v6.astype(np.bool_), header)
    if len(found):
        table, _ = _decoded(_with_datagrams(capture, found))
    return replace(table, unread=(*table.unread, *found.problems())), found


def _with_datagrams(capture: Capture, found: Fragments) -> Capture:
    """A capture with whole datagrams in the places of the fragments that completed them."""
    length, original = capture.length.astype(np.uint32), capture.original.astype(np.uint32)
    offset, interface = capture.offset.astype(np.int64), capture.interface.copy()
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
        length=np.empty(count, capture.original.dtype),
        flags=np.empty(count, np.uint8),
        v6_addresses=(),
        unread=(),
    )
    columns = {field.name: getattr(table, field.name) for field in fields(table)[1:12]}

    native = library()
    batch = decoder.batch if native is None else Headers(native, capture, decoder.numbers).batch

    def fill(part: slice) -> Batch:
        return batch(part, [column[part] for column in columns.values()])

    batches = [*in_threads(fill, parts(count))]
    filled = _close_up(list(columns.values()), batches)
    columns = {name: column[:filled] for name, column in columns.items()}
    if filled == count:
        columns["row"] = capture.rows
    if filled and (columns["protocol"] == columns["protocol"][0]).all():
        columns["protocol"] = np.broadcast_to(columns["protocol"][0].copy(), filled)
    if not decoder.v6_addresses:
        columns["v6"] = np.broadcast_to(np.False_, filled)
    pieces = [batch.fragments for batch in batches if batch.fragments]
    addresses, unread = tuple(decoder.v6_addresses), (*_complaints(batches),)
    return replace(table, **columns, v6_addresses=addresses, unread=unread), pieces


def _close_up(columns: list[NDArray[np.generic]], batches: list[Batch]) -> int:
    """Moves up what was decoded of each part where a part before it left rows free; tells how many rows there are."""
    filled = 0
    for batch, part in zip(batches, parts(len(columns[0])), strict=True):
        if filled < part.start:
            for column in columns:
                column[filled : filled + batch.count] = column[part.start : part.start + batch.count]
        filled += batch.count
    return filled


def _complaints(batches: list[Batch]) -> Iterator[str]:
    """Sentences on what could not be read."""
    left_out: Counter[str] = Counter()
    unread: Counter[int] = Counter()
    for batch in batches:
        left_out.update({_SHORT: batch.short, _NO_IP: batch.no_ip, _CUT: batch.cut})
        unread.update(batch.unread)
    named = sorted(unread.items())
    for link_type, count in named[:_MOST_NAMED]:
        yield f"{count} frames of link type {link_type} cannot be read and are left out"
    others = named[_MOST_NAMED:]
    if others:
        yield f"{sum(n for _, n in others)} frames of {len(others)} other link types cannot be read and are left out"
    cut = left_out.pop(_CUT, 0)
    yield from (f"{count} {what} and are left out" for what, count in left_out.items() if count)
    if cut:
        yield f"{cut} {_CUT}"


class _Decoder:
    """Decodes batches of a capture, several at a time, without the compiled library."""

    def __init__(self, capture: Capture) -> None:
        self.v6_addresses: dict[bytes, int] = {}
        self._capture = capture
        self._link_types = np.array([interface.link_type for interface in capture.interfaces], np.int64)
        self._lock = Lock()

    def batch(self, rows: slice, columns: list[NDArray[np.generic]]) -> Batch:
        """Fills columns with the packets among some rows of the capture."""
        data, start = self._capture.data, self._capture.offset[rows].astype(np.int64)
        caught = start + self._capture.length[rows]
        ip, on_wire, unread = self._ip_positions(rows, start, caught)
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
        fragments: tuple[Ints, ...] = ()
        if fragmented.any():
            needed = (rows.start + carries, ip, end, v6, transport)
            fragments = tuple(column[fragmented].astype(np.int64) for column in needed)
        least = _LEAST_HEADER[protocol]
        wanted = (least > 0) & ~fragmented & (size >= 20)
        whole = wanted & (transport + least <= end)
        cut = whole & (np.minimum(ip + total, on_wire) > caught)
        keep = np.flatnonzero(whole)
        kept = (start[keep], v6[keep], protocol[keep], transport[keep], total[keep])
        found = (rows.start + carries[keep], *self._columns(header[keep], ip[keep], *kept))
        for column, values in zip(columns, found, strict=True):
            column[: len(keep)] = values
        short, no_ip = int((wanted & ~whole).sum()), int(((version != 4) & ~v6).sum())
        return Batch(len(keep), short, no_ip, int(cut.sum()), unread, fragments)

    def _ip_positions(self, rows: slice, start: Ints, caught: Ints) -> tuple[Ints, Ints, dict[int, int]]:
        """Where each packet's IP header begins, -1 for none, where the packet ended on the wire, and what is unread."""
        capture = self._capture
        end = start + np.maximum(capture.length[rows], capture.original[rows])
        ip = np.full(len(start), -1, np.int64)
        unread = {}
        kinds = self._link_types[capture.interface[rows]]
        order = np.argsort(kinds, kind="stable")
        edges = np.flatnonzero(np.diff(kinds[order])) + 1
        for mine in np.split(order, edges) if len(order) else ():
            link_type = int(kinds[mine[0]])
            stop = end[mine]
            found = ip_offsets(capture.data, link_type, start[mine], stop)
            if found is None:
                unread[link_type] = len(mine)
            else:
                end[mine] = stop
                ip[mine] = np.where(found + 20 <= np.minimum(stop, caught[mine]), found, -1)
        return ip, end, unread

    def _columns(
        self, header: Octets, ip: Ints, start: Ints, v6: NDArray[np.bool_], protocol: Ints, transport: Ints, total: Ints
    ) -> tuple[NDArray[np.generic], ...]:
        longs = header.view(">u4")
        sender, receiver = longs[:, 3].astype(np.uint32), longs[:, 4].astype(np.uint32)
        six = np.flatnonzero(v6)
        if len(six):
            sender[six] = self.numbers(header[six, 8:24])
            receiver[six] = self.numbers(header[six, 24:40])
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

    def numbers(self, addresses: Octets) -> Ints:
        """A number for each 16-octet address."""
        found, index = distinct(addresses)
        known = self.v6_addresses
        with self._lock:
            numbers = [known.setdefault(address.tobytes(), len(known)) for address in found]
        return np.array(numbers, np.int64)[index]


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
