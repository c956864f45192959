"""The packets of a capture, replaced where they lie: hardware and IP addresses, what they carry, checksums."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.capture import Capture
from testbed.pcap.checksums import OFFLOADED
from testbed.pcap.condition import conditions
from testbed.pcap.fragments import Fragments
from testbed.pcap.link import ip_offsets
from testbed.pcap.table import ICMP, ICMPV6, TCP, UDP, PacketTable
from testbed.redact.checksum import adjusted, change, partial
from testbed.redact.dialogues.dialogue import Tools
from testbed.redact.headers import Headers
from testbed.redact.icmp import icmp

_PLACE = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}


class Packets:
    """The octets of a capture on their way to others; columns of the capture keep their meaning."""

    def __init__(self, capture: Capture, table: PacketTable, fragments: Fragments | None, tools: Tools) -> None:
        self._capture = capture
        self._table = table
        self._fragments = fragments
        self._tools = tools
        self._headers = Headers(tools.texts.addresses, tools.filler)
        self._old = table.capture.data
        self._new = np.array(table.capture.data)

    def carry(self, row: int, octets: bytes) -> None:
        """Give a row of the packet table another payload, as long as the one captured."""
        start = self._transport(row) + int(self._table.header[row])
        self._new[start : start + len(octets)] = np.frombuffer(octets, np.uint8)

    def finish(self) -> NDArray[np.uint8]:
        """All octets, once every payload was given."""
        self._objections()
        self._transport_checksums()
        parted = self._part_again()
        understood = set(self._table.row.tolist()) - parted.keys()
        result = np.zeros(len(self._capture.data), np.uint8)
        for row, ip in enumerate(self._ip_places()):
            start, length = int(self._capture.offset[row]), int(self._capture.length[row])
            packet = bytearray(self._new[start : start + length].tobytes())
            kind = self._capture.interfaces[int(self._capture.interface[row])].link_type
            place, kept = ip - start if ip >= 0 else None, parted.get(row)
            self._headers.redact(packet, kind, place, understood=row in understood, kept=kept)
            result[start : start + length] = np.frombuffer(packet, np.uint8)
        return result

    def _transport(self, row: int) -> int:
        """Where the transport header of a row begins."""
        table = self._table
        return int(table.capture.offset[int(table.row[row])]) + int(table.headers[row])

    def _objections(self) -> None:
        table = self._table
        for row in np.flatnonzero((table.protocol == ICMP) | (table.protocol == ICMPV6)).tolist():
            old = table.transport_octets(row)
            start = self._transport(row)
            new = icmp(old, bool(table.protocol[row] == ICMPV6), self._tools)
            self._new[start : start + len(new)] = np.frombuffer(new, np.uint8)

    def _transport_checksums(self) -> None:
        table = self._table
        rows = np.arange(len(table))
        verdicts = conditions(table, rows).tolist() if len(rows) else []
        for row, verdict in enumerate(verdicts):
            protocol = int(table.protocol[row])
            old = table.transport_octets(row)
            start, place = self._transport(row), _PLACE[protocol]
            new = self._new[start : start + len(old)].tobytes()
            if len(old) < place + 2:
                continue
            addresses = 0 if protocol == ICMP else self._addresses_changed(row)
            field = int.from_bytes(old[place : place + 2], "big")
            if not field and protocol in (TCP, UDP):
                continue
            if verdict == OFFLOADED:
                told = partial(field, addresses)
            else:
                told = adjusted(field, (addresses + change(old, new)) % 0xFFFF)
            self._new[start + place : start + place + 2] = (told >> 8, told & 0xFF)

    def _addresses_changed(self, row: int) -> int:
        old = self._ends(row)
        return change(old, b"".join(self._tools.texts.addresses.packed(end) for end in _halves(old)))

    def _ends(self, row: int) -> bytes:
        table = self._table
        sender, receiver = int(table.sender[row]), int(table.receiver[row])
        if table.v6[row]:
            return table.v6_addresses[sender] + table.v6_addresses[receiver]
        return sender.to_bytes(4, "big") + receiver.to_bytes(4, "big")

    def _part_again(self) -> dict[int, bytes]:
        """What fragments carry now, by the row of each."""
        if self._fragments is None:
            return {}
        base = len(self._capture.data)
        contents: dict[bytes, bytes] = {}
        for number, pieces in enumerate(self._fragments.pieces):
            end = base + int(self._fragments.offset[number]) + int(self._fragments.length[number])
            at = end - sum(stop - start for start, stop in pieces)
            for start, stop in pieces:
                new = self._new[at : at + stop - start]
                contents[self._old[start:stop].tobytes()] = new.tobytes()
                self._new[start:stop] = new
                at += stop - start
        starts = sorted(start for pieces in self._fragments.pieces for start, _ in pieces)
        return dict(self._of_rows(starts, contents))

    def _of_rows(self, starts: list[int], contents: dict[bytes, bytes]) -> Iterator[tuple[int, bytes]]:
        for row, ip in enumerate(self._ip_places()):
            if ip < 0:
                continue
            start, length = int(self._capture.offset[row]), int(self._capture.length[row])
            packet = self._old[ip : start + length].tobytes()
            at, end = carried_by_fragment(packet)
            if not at:
                continue
            if bisect_left(starts, ip + at) < bisect_left(starts, ip + end):
                yield row, self._new[ip + at : ip + end].tobytes()
            elif packet[at:end] in contents:
                yield row, contents[packet[at:end]]

    def _ip_places(self) -> list[int]:
        """Where each packet's IP header begins, -1 for none."""
        capture = self._capture
        start = capture.offset.astype(np.int64)
        end = start + np.maximum(capture.length, capture.original)
        kinds = np.array([interface.link_type for interface in capture.interfaces], np.int64)[capture.interface]
        found = np.full(len(start), -1, np.int64)
        for kind in np.unique(kinds).tolist():
            mine = np.flatnonzero(kinds == kind)
            places = ip_offsets(capture.data, kind, start[mine], end[mine])
            if places is not None:
                found[mine] = np.where(places < start[mine] + capture.length[mine], places, -1)
        return [int(place) for place in found]


def carried_by_fragment(packet: bytes) -> tuple[int, int]:
    """Where what a fragment carries begins in an IP packet, and where it ends; 0 for what is none."""
    if len(packet) >= 20 and packet[0] >> 4 == 4 and int.from_bytes(packet[6:8], "big") & 0x3FFF:
        return (packet[0] & 15) * 4, min(len(packet), int.from_bytes(packet[2:4], "big"))
    if len(packet) >= 48 and packet[0] >> 4 == 6:
        kind, at = packet[6], 40
        while kind in (0, 43, 60) and at + 8 <= len(packet):
            kind, at = packet[at], at + (packet[at + 1] + 1) * 8
        if kind == 44 and at + 8 <= len(packet):
            return at + 8, min(len(packet), 40 + int.from_bytes(packet[4:6], "big"))
    return 0, 0


def _halves(ends: bytes) -> tuple[bytes, bytes]:
    return ends[: len(ends) // 2], ends[len(ends) // 2 :]
