"""The pcapng format (draft-ietf-opsawg-pcapng): sections, interfaces, names, comments, journal entries.

Blocks nobody here knows are skipped.  Wireshark gives a frame number to packets, journal entries and custom blocks
alike, so they are counted alike.  Enhanced packet blocks, which are nearly all of a large file, the compiled library
reads, where it is there; all others are read one by one.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import ClassVar

from msgspec.structs import replace

from testbed.durations import SECOND
from testbed.native.columns import Column
from testbed.pcap.capture import REDACTED, Capture, Interface, JournalEntry, empty
from testbed.pcap.journal import journal_fields
from testbed.pcap.keylog import secrets_in
from testbed.pcap.packet_rows import PacketRows
from testbed.pcap.records import Octets, PlainPackets, Section
from testbed.protocols.text import printable

MAGIC = b"\x0a\x0d\x0d\x0a"

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _NAMES, _PACKET = 0x0A0D0D0A, 1, 2, 3, 4, 6
_JOURNAL, _SECRETS, _CUSTOM, _CUSTOM_LOCAL = 9, 10, 0xBAD, 0x40000BAD
_COUNTED = (_OLD_PACKET, _SIMPLE_PACKET, _PACKET, _JOURNAL, _CUSTOM, _CUSTOM_LOCAL)
_BYTE_ORDER = 0x1A2B3C4D
_COMMENT, _INTERFACE_NAME, _RESOLUTION, _OFFSET = 1, 2, 9, 14
_MAX_INTERFACES = 65_535
_MANY = 64  # packets that are better taken as columns
_FAR = 1 << 62  # the farthest time, ns
_MOST_NAMED = 5  # damaged frames told one by one
_NOT_WHOLE = "names no interface of its section or is damaged; left out"
_MOST_PROBLEMS = 100  # of a file, told one by one
_LONGEST_NAME = 256  # characters; a host's has no more than 253 (RFC 1035 §2.3.4)


def read_pcapng(data: Octets) -> Capture:
    """Read a pcapng file."""
    reader = BlockReader(data)
    reader.read()
    return reader.capture()


class BlockReader:
    """Reads the blocks of one file: :meth:`read`, then :meth:`capture`.  So many octets come ``before`` the data."""

    def __init__(self, data: Octets, before: int = 0) -> None:
        self._before = before
        self._data = data
        self._view = data.data
        self._order = "<"
        self._frame = 0  # of the block being read, or the last one counted
        self._section_start = 0  # index of the section's first interface
        self._interfaces: list[Interface] = []
        self._clocks: list[tuple[int, int]] = []  # units per second, offset in seconds
        self._packets = PacketRows(len(data))
        self._plain = PlainPackets(data)
        self._units, self._since = array("Q"), array("q")  # the clocks as columns, so far
        self._names: dict[str, str] = {}
        self._journal: list[JournalEntry] = []
        self._comments: dict[int, tuple[str, ...]] = {}
        self._secrets: list[memoryview] = []
        self._problems: list[str] = []
        self._redacted = False
        self._untold = 0  # problems beyond those told one by one
        self._lost = 0  # packets that are not whole
        self._lost_frames: list[int] = []  # the first of them
        self.end = 0  # of the last whole block

    def capture(self) -> Capture:
        return self._packets.fill(
            replace(
                empty(self._data),
                interfaces=tuple(self._interfaces),
                frames=self._frame,
                names=self._names,
                journal=tuple(self._journal),
                comments=self._comments,
                secrets=tuple(self._secrets),
                problems=tuple(self._problems),
                redacted=self._redacted,
            )
        )

    def read(self) -> None:
        """All blocks; packets about which there is nothing to remark come many at a time."""
        while (length := self._block_length(self.end)) is not None:
            self._block(self.end, length)
            self.end += length
            self._plain_packets()
        self._tell_of_lost()
        if self._untold:
            self._problems.append(f"{self._untold:,} more blocks or frames are damaged and left out")
        if self.end < len(self._data):
            self._problems.append(
                f"the file breaks off or is damaged after frame {self._frame}, at octet {self._before + self.end:,}; "
                f"{self._frame} frames are whole"
            )

    # -- where blocks begin ---------------------------------------------------------------------------

    def _block_length(self, position: int) -> int | None:
        """The length of the block at a position, None where there is no whole block; a section tells its order."""
        if position + 12 > len(self._data):
            return None
        if self._view[position : position + 4] == MAGIC:
            order = self._view[position + 8 : position + 12]
            if order not in (struct.pack("<I", _BYTE_ORDER), struct.pack(">I", _BYTE_ORDER)):
                return None
            self._order = "<" if order == struct.pack("<I", _BYTE_ORDER) else ">"
        (length,) = struct.unpack_from(self._order + "I", self._view, position + 4)
        padded: int = length + -length % 4
        if length < 12 or position + padded > len(self._data):
            return None
        (trailer,) = struct.unpack_from(self._order + "I", self._view, position + padded - 4)
        return padded if trailer == length else None

    # -- what is in them ------------------------------------------------------------------------------

    def _plain_packets(self) -> None:
        """What the compiled library finds of them from here on."""
        known = len(self._interfaces)
        for units, since in self._clocks[len(self._units) :]:
            self._units.append(units)
            self._since.append(since)
        clocks = (Column(*one.buffer_info(), one.itemsize, one.itemsize) for one in (self._units, self._since))
        section = Section(self._order == ">", self.end, self._frame, self._section_start, known, *clocks)
        for columns in self._plain.of_pcapng(section):
            if len(columns[0]) >= _MANY:
                self._packets.extend(columns)
            else:
                for row in zip(*(one.tolist() for one in columns), strict=True):
                    self._packets.add(*row)
        self.end, self._frame = section.position, section.frame

    def _block(self, position: int, length: int) -> None:
        """Any block."""
        (kind,) = struct.unpack_from(self._order + "I", self._view, position)
        self._frame += kind in _COUNTED
        handle = self._HANDLERS.get(kind)
        try:
            if handle is not None:
                handle(self, position + 8, position + length - 4)
        except (struct.error, ValueError, IndexError):
            self._problem(f"a block at octet {self._before + position:,} is damaged and left out")
            if kind == _INTERFACE and len(self._interfaces) < _MAX_INTERFACES:
                self._add_interface(Interface(_MAX_INTERFACES, "damaged"), 1_000_000, 0)

    def _interface(self, start: int, end: int) -> None:
        link_type, _, snap_length = struct.unpack_from(self._order + "HHI", self._view[:end], start)
        name, units, offset = "", 1_000_000, 0
        for code, value in self._options(start + 8, end):
            if code == _INTERFACE_NAME:
                name = printable(value.decode("utf-8", "replace"))[:_LONGEST_NAME]
            elif code == _RESOLUTION and value:
                exponent = min(value[0] & 0x7F, 63)
                units = 1 << exponent if value[0] & 0x80 else 10 ** min(exponent, 18)
            elif code == _OFFSET and len(value) == 8:
                (offset,) = struct.unpack(self._order + "q", value)
        self._add_interface(Interface(link_type, name, snap_length), units, offset)

    def _add_interface(self, interface: Interface, units: int, offset: int) -> None:
        if len(self._interfaces) >= _MAX_INTERFACES:
            raise ValueError("too many interfaces")
        self._interfaces.append(interface)
        self._clocks.append((units, offset))

    def _section(self, start: int, end: int) -> None:
        self._section_start = len(self._interfaces)
        for code, value in self._options(start + 16, end):  # behind byte order, version, length
            self._redacted |= code == _COMMENT and value.startswith(REDACTED.encode())

    def _packet(self, start: int, end: int) -> None:
        interface, high, low, length, original = struct.unpack_from(self._order + "IIIII", self._view[:end], start)
        behind = start + 20 + length
        if not self._add(interface, high << 32 | low, start + 20, length, original, end):
            self._lost += 1
            self._lost_frames += [self._frame] * (self._lost <= _MOST_NAMED)
            return
        options = self._options(behind + -length % 4, end)
        texts = tuple(printable(value.decode("utf-8", "replace")) for code, value in options if code == _COMMENT)
        if texts:
            self._comments[self._frame] = texts

    def _tell_of_lost(self) -> None:
        """Packets that are not whole."""
        if self._lost > _MOST_NAMED:
            self._problem(f"{self._lost} frames name no interface of their section or are damaged; left out")
            return
        for frame in self._lost_frames:
            self._problem(f"frame {frame} {_NOT_WHOLE}")

    def _problem(self, sentence: str) -> None:
        """Tell of a damaged block: a crafted file may have one every twelve octets, so there is an end to it."""
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(sentence)
        else:
            self._untold += 1

    def _old_packet(self, start: int, end: int) -> None:
        interface, _, high, low, length, original = struct.unpack_from(self._order + "HHIIII", self._view[:end], start)
        if not self._add(interface, high << 32 | low, start + 20, length, original, end):
            self._problem(f"frame {self._frame} {_NOT_WHOLE}")

    def _simple_packet(self, start: int, end: int) -> None:
        (original,) = struct.unpack_from(self._order + "I", self._view[:end], start)
        snap_length = self._interfaces[self._section_start].snap_length or original
        if not self._add(0, 0, start + 4, min(original, snap_length, end - start - 4), original, end):
            self._problem(f"frame {self._frame} {_NOT_WHOLE}")

    def _add(self, interface: int, ticks: int, offset: int, length: int, original: int, end: int) -> bool:
        index = self._section_start + interface
        if index >= len(self._interfaces) or offset + length > end:
            return False
        units, since = self._clocks[index]
        time = max(-_FAR, min(ticks * SECOND // units + since * SECOND, _FAR))
        self._packets.add(self._frame, time, offset, length, original, index)
        return True

    def _journal_entry(self, start: int, end: int) -> None:
        fields = dict(journal_fields(self._view[start:end].tobytes()))
        self._journal.append(JournalEntry(self._frame, fields))

    def _keys(self, start: int, end: int) -> None:
        self._secrets.append(secrets_in(self._view[start:end], self._order))

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
                self._names.setdefault(str(ip_address(value[:octets])), printable(text)[:_LONGEST_NAME])
            position += 4 + length + -length % 4

    def _options(self, position: int, end: int) -> Iterator[tuple[int, bytes]]:
        while position + 4 <= end:
            code, length = struct.unpack_from(self._order + "HH", self._view, position)
            if code == 0 or position + 4 + length > end:
                return
            yield code, self._view[position + 4 : position + 4 + length].tobytes()
            position += 4 + length + -length % 4

    # Of the class: a reader that held its own methods would keep the file in memory until garbage is looked for.
    _HANDLERS: ClassVar[dict[int, Callable[[BlockReader, int, int], None]]] = {
        _SECTION: _section,
        _INTERFACE: _interface,
        _SIMPLE_PACKET: _simple_packet,
        _OLD_PACKET: _old_packet,
        _PACKET: _packet,
        _NAMES: _name_records,
        _JOURNAL: _journal_entry,
        _SECRETS: _keys,
    }
