"""The packet table: IP and transport headers as NumPy columns.

No Python object exists per packet.  What is rarely asked for is read from the file again instead of being kept.
"""

from __future__ import annotations

from functools import cached_property
from socket import AF_INET6, inet_ntop

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from testbed.pcap.capture import Capture, Lengths
from testbed.pcap.records import Ints, gather

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
TCP_HEADER = 20


class PacketTable(Struct, frozen=True, dict=True):
    """One row per TCP, UDP or ICMP packet, in file order.

    ``row`` is the packet's row in ``capture``, in which fragments are put together where there were any.  ``sender``
    and ``receiver`` are IPv4 addresses as numbers, or, where ``v6``, places in ``v6_addresses``; ports are 0 for ICMP.
    ``headers`` counts the octets before the transport header, ``header`` those of the transport header, ``length`` the
    payload's octets on the wire.
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

    def frame_of(self, row: int) -> int:
        """The frame number of one row."""
        return int(self.capture.frame[self.row[row]])

    @property
    def time_ns(self) -> Ints:
        """Times since the epoch."""
        return self.capture.time_ns[self.row]

    def transport(self, rows: Ints | slice = slice(None)) -> Ints:
        """Where the transport headers of some rows begin in the capture's data."""
        return self.capture.offset[self.row[rows]].astype(np.int64) + self.headers[rows]

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
        return self.transport_octets(row)[TCP_HEADER : int(self.header[row])]

    def tcp(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Sequence number, acknowledgement number and window of some rows, all TCP."""
        header = gather(self.capture.data, self.transport(rows), TCP_HEADER)
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
