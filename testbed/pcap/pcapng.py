"""The pcapng format (draft-ietf-opsawg-pcapng): sections, interfaces, names, comments, journal entries.

Blocks nobody here knows are skipped.  Wireshark gives a frame number to packets, journal entries and custom blocks
alike, so they are counted alike.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from ipaddress import ip_address

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.capture import Capture, Interface, JournalEntry
from testbed.protocols.text import printable

MAGIC = b"\x0a\x0d\x0d\x0a"

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _NAMES, _PACKET = 0x0A0D0D0A, 1, 2, 3, 4, 6
_JOURNAL, _CUSTOM, _CUSTOM_LOCAL = 9, 0xBAD, 0x40000BAD
_BYTE_ORDER = 0x1A2B3C4D
_COMMENT, _INTERFACE_NAME, _RESOLUTION, _OFFSET = 1, 2, 9, 14
_NS = 1_000_000_000
_MAX_INTERFACES = 65_536


def read_pcapng(data: NDArray[np.uint8]) -> Capture:
    """Read a pcapng file."""
    reader = _Reader(data)
    reader.read()
    return reader.capture()


class _Reader:
    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._view = data.data
        self._order = "<"
        self._frames = 0
        self._section_start = 0  # index of the section's first interface
        self._interfaces: list[Interface] = []
        self._clocks: list[tuple[int, int]] = []  # units per second, offset in seconds
        self._columns = {name: array("q") for name in ("frame", "time", "offset", "length", "original", "interface")}
        self._names: dict[str, str] = {}
        self._journal: list[JournalEntry] = []
        self._comments: dict[int, tuple[str, ...]] = {}
        self._problems: list[str] = []

    def capture(self) -> Capture:
        columns = {name: np.array(values, np.int64) for name, values in self._columns.items()}
        return Capture(
            data=self._data,
            frame=columns["frame"],
            time_ns=columns["time"],
            offset=columns["offset"],
            length=columns["length"],
            original=columns["original"],
            interface=columns["interface"],
            interfaces=tuple(self._interfaces),
            frames=self._frames,
            names=self._names,
            journal=tuple(self._journal),
            comments=self._comments,
            problems=tuple(self._problems),
        )

    def read(self) -> None:
        position, end = 0, len(self._data)
        handlers = {
            _INTERFACE: self._interface,
            _PACKET: self._packet,
            _SIMPLE_PACKET: self._simple_packet,
            _OLD_PACKET: self._old_packet,
            _NAMES: self._name_records,
            _JOURNAL: self._journal_entry,
            _CUSTOM: self._counted,
            _CUSTOM_LOCAL: self._counted,
        }
        while position < end:
            length = self._block_length(position)
            if length is None:
                self._breaks_off(position)
                return
            (kind,) = struct.unpack_from(self._order + "I", self._view, position)
            handler = handlers.get(kind)
            if handler is not None:
                try:
                    handler(position + 8, position + length - 4)
                except (struct.error, ValueError, IndexError):
                    self._problems.append(f"a block at octet {position:,} is damaged and left out")
            position += length

    def _block_length(self, position: int) -> int | None:
        """The length of the block at a position, None where there is no whole block."""
        if position + 12 > len(self._data):
            return None
        if self._view[position : position + 4] == MAGIC:
            order = self._view[position + 8 : position + 12]
            self._order = "<" if order == struct.pack("<I", _BYTE_ORDER) else ">"
            if order not in (struct.pack("<I", _BYTE_ORDER), struct.pack(">I", _BYTE_ORDER)):
                return None
            self._section_start = len(self._interfaces)
        (length,) = struct.unpack_from(self._order + "I", self._view, position + 4)
        padded: int = length + -length % 4
        if length < 12 or position + padded > len(self._data):
            return None
        (trailer,) = struct.unpack_from(self._order + "I", self._view, position + padded - 4)
        return padded if trailer == length else None

    def _breaks_off(self, position: int) -> None:
        self._problems.append(
            f"the file breaks off or is damaged after frame {self._frames}, at octet {position:,}; "
            f"{self._frames} frames are whole"
        )

    def _interface(self, start: int, end: int) -> None:
        link_type, _, snap_length = struct.unpack_from(self._order + "HHI", self._view, start)
        name, units, offset = "", 1_000_000, 0
        for code, value in self._options(start + 8, end):
            if code == _INTERFACE_NAME:
                name = printable(value.decode("utf-8", "replace"))
            elif code == _RESOLUTION and value:
                exponent = min(value[0] & 0x7F, 63)
                units = 1 << exponent if value[0] & 0x80 else 10 ** min(exponent, 18)
            elif code == _OFFSET and len(value) == 8:
                (offset,) = struct.unpack(self._order + "q", value)
        if len(self._interfaces) >= _MAX_INTERFACES:
            raise ValueError("too many interfaces")
        self._interfaces.append(Interface(link_type, name, snap_length))
        self._clocks.append((units, offset))

    def _packet(self, start: int, end: int) -> None:
        interface, high, low, length, original = struct.unpack_from(self._order + "IIIII", self._view, start)
        self._add(interface, high << 32 | low, start + 20, length, original, end)
        for code, value in self._options(start + 20 + length + -length % 4, end):
            if code == _COMMENT:
                text = printable(value.decode("utf-8", "replace"))
                self._comments[self._frames] = (*self._comments.get(self._frames, ()), text)

    def _old_packet(self, start: int, end: int) -> None:
        interface, _, high, low, length, original = struct.unpack_from(self._order + "HHIIII", self._view, start)
        self._add(interface, high << 32 | low, start + 20, length, original, end)

    def _simple_packet(self, start: int, end: int) -> None:
        (original,) = struct.unpack_from(self._order + "I", self._view, start)
        snap_length = self._interfaces[self._section_start].snap_length or original
        self._add(0, 0, start + 4, min(original, snap_length, end - start - 4), original, end)

    def _add(self, interface: int, ticks: int, offset: int, length: int, original: int, end: int) -> None:
        self._frames += 1
        index = self._section_start + interface
        if index >= len(self._interfaces) or offset + length > end:
            self._problems.append(f"frame {self._frames} names no interface of its section or is damaged; left out")
            return
        units, seconds = self._clocks[index]
        time_ns = ticks * _NS // units + seconds * _NS
        row = (self._frames, max(-(1 << 62), min(time_ns, 1 << 62)), offset, length, original, index)
        for column, value in zip(self._columns.values(), row, strict=True):
            column.append(value)

    def _counted(self, start: int, end: int) -> None:
        self._frames += 1

    def _journal_entry(self, start: int, end: int) -> None:
        self._frames += 1
        fields = dict(journal_fields(self._view[start:end].tobytes()))
        self._journal.append(JournalEntry(self._frames, fields))

    def _name_records(self, start: int, end: int) -> None:
        position = start
        while position + 4 <= end:
            kind, length = struct.unpack_from(self._order + "HH", self._view, position)
            if kind == 0:
                return
            value = self._view[position + 4 : min(position + 4 + length, end)].tobytes()
            octets = {1: 4, 2: 16}.get(kind, 0)
            if octets and len(value) > octets:
                text = value[octets:].split(b"\0")[0].decode("utf-8", "replace")
                self._names.setdefault(str(ip_address(value[:octets])), printable(text))
            position += 4 + length + -length % 4

    def _options(self, position: int, end: int) -> Iterator[tuple[int, bytes]]:
        while position + 4 <= end:
            code, length = struct.unpack_from(self._order + "HH", self._view, position)
            if code == 0 or position + 4 + length > end:
                return
            yield code, self._view[position + 4 : position + 4 + length].tobytes()
            position += 4 + length + -length % 4


def journal_fields(text: bytes) -> Iterator[tuple[str, str]]:
    """The fields of one entry in systemd's Journal Export Format; malformed rest is left out."""
    position = 0
    while position < len(text):
        line_end = text.find(b"\n", position)
        if line_end < 0:
            return
        line = text[position:line_end]
        position = line_end + 1
        name, equals, value = line.partition(b"=")
        if not name:
            continue
        if not equals:  # binary form: a 64-bit length, the octets, a line feed
            if position + 8 > len(text):
                return
            (length,) = struct.unpack_from("<Q", text, position)
            value = text[position + 8 : position + 8 + length]
            position += 8 + length + 1
        yield printable(name.decode("ascii", "replace")), value.decode("utf-8", "replace")
