"""The packet table: IP and transport headers as NumPy columns.

No Python object exists per packet.  Rows are those of the capture that carry TCP, UDP or ICMP over IP; everything
else is counted.  What is rarely asked for is read from the file again instead of being kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from socket import AF_INET6, inet_ntop

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.capture import Capture, Lengths, narrow
from testbed.pcap.link import Ints, Octets, ip_offsets
from testbed.pcap.records import gather

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200)
_FRAGMENT = 44
_MAX_EXTENSIONS = 8
_MIN_HEADER = {ICMP: 8, TCP: 20, UDP: 8, ICMPV6: 8}
_TCP_HEADER = 20
_CUT = "packets are cut short: the capture does not hold all that they carried"
_BATCH = 1 << 13  # packets decoded at a time: what is needed only in between stays in the processor's cache


@dataclass(frozen=True)
class PacketTable:
    """One row per TCP, UDP or ICMP packet, in file order.

    ``row`` is the packet's row in the capture.  ``sender`` and ``receiver`` are IPv4 addresses as numbers, or, where
    ``v6``, places in ``v6_addresses``; ports are 0 for ICMP.  ``headers`` counts the octets before the transport
    header, ``header`` those of the transport header, ``length`` the payload's octets on the wire.
    """

    capture: Capture
    row: NDArray[np.uint32]
    protocol: NDArray[np.uint8]
    v6: NDArray[np.bool_]
    sender: NDArray[np.uint32]
    receiver: NDArray[np.uint32]
    source_port: NDArray[np.uint16]
    destination_port: NDArray[np.uint16]
    headers: NDArray[np.uint16]
    header: NDArray[np.uint8]
    length: Lengths
    flags: NDArray[np.uint8]
    v6_addresses: tuple[bytes, ...]
    unread: tuple[str, ...]  # sentences on what could not be read

    def __len__(self) -> int:
        return len(self.row)

    @property
    def frame(self) -> NDArray[np.uint32]:
        """Frame numbers."""
        return self.capture.frame[self.row]

    @property
    def time_ns(self) -> Ints:
        """Times since the epoch."""
        return self.capture.time_ns[self.row]

    def transport(self, rows: Ints | slice = slice(None)) -> Ints:
        """Where the transport headers of some rows begin in the capture's data."""
        return self.capture.offset[self.row[rows]] + self.headers[rows]

    def payload(self, rows: Ints | slice = slice(None)) -> Ints:
        """Where the payloads of some rows begin in the capture's data."""
        return self.transport(rows) + self.header[rows]

    def captured(self, rows: Ints | slice = slice(None)) -> Ints:
        """How many octets of the payloads of some rows the file holds."""
        at = self.row[rows]
        room = self.capture.length[at].astype(np.int64) - self.headers[rows] - self.header[rows]
        caught: Ints = np.clip(room, 0, self.length[rows])
        return caught

    def transport_octets(self, row: int) -> bytes:
        """The captured transport header and payload of one row."""
        at, start, header = int(self.row[row]), int(self.headers[row]), int(self.header[row])
        end = min(start + header + int(self.length[row]), int(self.capture.length[at]))
        offset = int(self.capture.offset[at])
        return self.capture.data[offset + start : offset + end].tobytes()

    def octets(self, row: int) -> bytes:
        """The captured payload of one row."""
        return self.transport_octets(row)[int(self.header[row]) :]

    def options(self, row: int) -> bytes:
        """The captured TCP options of one row."""
        return self.transport_octets(row)[_TCP_HEADER : int(self.header[row])]

    def tcp(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Sequence number, acknowledgement number and window of some rows, all TCP."""
        header = gather(self.capture.data, self.transport(rows), _TCP_HEADER)
        longs, words = header.view(">u4"), header.view(">u2")
        return longs[:, 1].astype(np.int64), longs[:, 2].astype(np.int64), words[:, 7].astype(np.int64)

    def address(self, number: int, v6: bool) -> str:
        """The text of a ``sender`` or ``receiver``."""
        return inet_ntop(AF_INET6, self.v6_addresses[number]) if v6 else ".".join(map(str, number.to_bytes(4, "big")))

    def ends(self, row: int) -> tuple[tuple[str, int], tuple[str, int]]:
        """Address and port a packet came from, and those it went to."""
        v6 = bool(self.v6[row])
        return (
            (self.address(int(self.sender[row]), v6), int(self.source_port[row])),
            (self.address(int(self.receiver[row]), v6), int(self.destination_port[row])),
        )

    @cached_property
    def _addressed(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        both = np.concatenate((self.sender, self.receiver)).astype(np.int64)
        both |= np.concatenate((self.v6, self.v6)).astype(np.int64) << 32
        found, index = np.unique(both, return_inverse=True)
        return tuple(self.address(n & 0xFFFFFFFF, n >> 32 == 1) for n in found.tolist()), index

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, for :attr:`source` and :attr:`destination`."""
        return self._addressed[0]

    @property
    def source(self) -> NDArray[np.int64]:
        """Where the sender stands in :attr:`addresses`."""
        return self._addressed[1][: len(self)]

    @property
    def destination(self) -> NDArray[np.int64]:
        """Where the receiver stands in :attr:`addresses`."""
        return self._addressed[1][len(self) :]


def packet_table(capture: Capture) -> PacketTable:
    """Decode a capture."""
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
    return replace(table, **columns, v6_addresses=addresses, unread=complaints)


class _Decoder:
    """Decodes batches of a capture, and counts what it could not decode."""

    def __init__(self, capture: Capture) -> None:
        self.v6_addresses: dict[bytes, int] = {}
        self._capture = capture
        self._link_types = sorted({interface.link_type for interface in capture.interfaces})
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
            protocol, transport, fragments = _extensions(data, protocol, transport, v6, end)
            fragmented |= fragments
        least = _LEAST_HEADER[protocol]
        wanted = (least > 0) & ~fragmented & (size >= 20)
        whole = wanted & (transport + least <= end)
        self._counts["IP fragments are not put together"] += int(fragmented.sum())
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
        upper = gather(self._capture.data, transport, _TCP_HEADER)
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


_LEAST_HEADER = np.zeros(256, np.int64)
for _protocol, _octets in _MIN_HEADER.items():
    _LEAST_HEADER[_protocol] = _octets


def _extensions(
    data: Octets, protocol: Ints, position: Ints, v6: NDArray[np.bool_], end: Ints
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Step over IPv6 extension headers; the last result tells which packets are fragments."""
    fragmented = np.zeros(len(protocol), bool)
    for _ in range(_MAX_EXTENSIONS):
        extended = v6 & (np.isin(protocol, _EXTENSIONS) | (protocol == _FRAGMENT)) & (position + 8 <= end)
        if not extended.any():
            break
        header = gather(data, position, 8)
        is_fragment = extended & (protocol == _FRAGMENT)
        fragmented |= is_fragment & ((header.view(">u2")[:, 1] & 0xFFF9) != 0)
        size = np.where(is_fragment, 8, (header[:, 1].astype(np.int64) + 1) * 8)
        protocol = np.where(extended, header[:, 0], protocol)
        position = np.where(extended, position + size, position)
    return protocol, position, fragmented
