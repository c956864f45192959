"""The pcapng format (draft-ietf-opsawg-pcapng): sections, interfaces, names, comments, journal entries.

Blocks nobody here knows are skipped.  Wireshark gives a frame number to packets, journal entries and custom blocks
alike, so they are counted alike.  Enhanced packet blocks, which are nearly all of a large file, are read as columns;
all others one by one.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address

import numpy as np
from numpy.typing import NDArray

from testbed.durations import SECOND
from testbed.pcap.capture import REDACTED, Capture, Interface, JournalEntry, empty
from testbed.pcap.journal import journal_fields
from testbed.pcap.keylog import secrets_in
from testbed.pcap.packet_rows import PacketRows
from testbed.pcap.parts import parts
from testbed.pcap.records import Ints, Numbers, Octets, walked
from testbed.protocols.text import printable

MAGIC = b"\x0a\x0d\x0d\x0a"

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _NAMES, _PACKET = 0x0A0D0D0A, 1, 2, 3, 4, 6
_JOURNAL, _SECRETS, _CUSTOM, _CUSTOM_LOCAL = 9, 10, 0xBAD, 0x40000BAD
_COUNTED = (_OLD_PACKET, _SIMPLE_PACKET, _PACKET, _JOURNAL, _CUSTOM, _CUSTOM_LOCAL)
_BYTE_ORDER = 0x1A2B3C4D
_COMMENT, _INTERFACE_NAME, _RESOLUTION, _OFFSET = 1, 2, 9, 14
_PACKET_OCTETS = 32  # of an enhanced packet block, without packet and options
_MAX_INTERFACES = 65_535
_FAR = 1 << 62  # the farthest time, ns
_MOST_NAMED = 5  # damaged frames told one by one
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
        self._packets = PacketRows()
        self._names: dict[str, str] = {}
        self._journal: list[JournalEntry] = []
        self._comments: dict[int, tuple[str, ...]] = {}
        self._secrets: list[memoryview] = []
        self._problems: list[str] = []
        self._redacted = False
        self._untold = 0  # problems beyond those told one by one

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
        runs, end = self._runs()
        for order, positions in runs:
            self._order = order
            numbers = Numbers(self._data, order)
            for part in parts(len(positions)):
                self._read_run(positions[part], numbers)
        if self._untold:
            self._problems.append(f"{self._untold:,} more blocks or frames are damaged and left out")
        if end < len(self._data):
            self._problems.append(
                f"the file breaks off or is damaged after frame {self._frame}, at octet {self._before + end:,}; "
                f"{self._frame} frames are whole"
            )

    # -- where blocks begin ---------------------------------------------------------------------------

    def _runs(self) -> tuple[list[tuple[str, Ints]], int]:
        """The positions of all blocks, in runs of one byte order, and where the last whole block ends."""
        position = 0
        runs: list[tuple[str, array[int]]] = []
        while (length := self._block_length(position)) is not None:
            if not runs or self._order != runs[-1][0]:
                runs.append((self._order, array("q")))
            positions = runs[-1][1]
            positions.append(position)
            position += length
            following = walked("blocks_of_pcapng", self._data, self._order, position)
            positions.frombytes(following.tobytes())
            if len(following):
                position = int(following[-1])
                position += self._block_length(position) or 0
        return [(order, np.frombuffer(positions, np.int64)) for order, positions in runs], position

    def _block_length(self, position: int) -> int | None:
        """The length of the block at a position, None where there is no whole block."""
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

    def _read_run(self, positions: Ints, numbers: Numbers) -> None:
        handlers: dict[int, Callable[[int, int], None]] = {
            _SECTION: self._section,
            _INTERFACE: self._interface,
            _SIMPLE_PACKET: self._simple_packet,
            _OLD_PACKET: self._old_packet,
            _NAMES: self._name_records,
            _JOURNAL: self._journal_entry,
            _SECRETS: lambda start, end: self._secrets.append(secrets_in(self._view[start:end], self._order)),
        }
        kinds, lengths = numbers.at(positions), numbers.at(positions + 4)
        lengths += -lengths % 4
        frames = self._frame + np.cumsum(np.isin(kinds, _COUNTED))
        bases, known = self._interfaces_at(kinds)
        for index in np.flatnonzero(np.isin(kinds, list(handlers))).tolist():
            start, self._frame = int(positions[index]), int(frames[index])
            try:
                handlers[int(kinds[index])](start + 8, start + int(lengths[index]) - 4)
            except (struct.error, ValueError, IndexError):
                self._problem(f"a block at octet {self._before + start:,} is damaged and left out")
                if kinds[index] == _INTERFACE and len(self._interfaces) < _MAX_INTERFACES:
                    self._add_interface(Interface(_MAX_INTERFACES, "damaged"), 1_000_000, 0)
        packets = np.flatnonzero(kinds == _PACKET)
        if len(packets):
            self._enhanced(
                positions[packets], lengths[packets], frames[packets], bases[packets], known[packets], numbers
            )
        self._frame = int(frames[-1]) if len(frames) else self._frame

    def _interfaces_at(self, kinds: Ints) -> tuple[Ints, Ints]:
        """For each block: the index of its section's first interface, and how many interfaces there are by then."""
        known = len(self._interfaces) + np.cumsum(kinds == _INTERFACE)
        section = np.maximum.accumulate(np.where(kinds == _SECTION, known, self._section_start))
        return section, known

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

    def _enhanced(self, position: Ints, size: Ints, frame: Ints, base: Ints, known: Ints, numbers: Numbers) -> None:
        """Enhanced packet blocks, as columns."""
        interface, high, low, length, original = (numbers.at(position + 8 + 4 * n) for n in range(5))
        interface += base
        whole = (interface < known) & (interface < len(self._clocks)) & (_PACKET_OCTETS + length <= size)
        self._not_whole(frame[~whole])
        commented = np.flatnonzero(whole & (size > _PACKET_OCTETS + length + -length % 4))
        for index in commented.tolist():
            start = int(position[index] + 28 + length[index] + -length[index] % 4)
            options = self._options(start, int(position[index] + size[index]) - 4)
            texts = tuple(printable(value.decode("utf-8", "replace")) for code, value in options if code == _COMMENT)
            if texts:
                self._comments[int(frame[index])] = texts
        time = np.zeros(len(frame), np.int64)
        for number, mine in _places_of_each(np.where(whole, interface, -1)):
            if number < 0:
                continue
            time[mine] = _times(high[mine] << 32 | low[mine], *self._clocks[number])
        self._packets.extend(*(column[whole] for column in (frame, time, position + 28, length, original, interface)))

    def _not_whole(self, frames: Ints) -> None:
        if len(frames) > _MOST_NAMED:
            self._problem(f"{len(frames)} frames name no interface of their section or are damaged; left out")
            return
        for frame in frames.tolist():
            self._problem(f"frame {frame} names no interface of its section or is damaged; left out")

    def _problem(self, sentence: str) -> None:
        """Tell of a damaged block: a crafted file may have one every twelve octets, so there is an end to it."""
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(sentence)
        else:
            self._untold += 1

    def _old_packet(self, start: int, end: int) -> None:
        interface, _, high, low, length, original = struct.unpack_from(self._order + "HHIIII", self._view[:end], start)
        self._add(interface, high << 32 | low, start + 20, length, original, end)

    def _simple_packet(self, start: int, end: int) -> None:
        (original,) = struct.unpack_from(self._order + "I", self._view[:end], start)
        snap_length = self._interfaces[self._section_start].snap_length or original
        self._add(0, 0, start + 4, min(original, snap_length, end - start - 4), original, end)

    def _add(self, interface: int, ticks: int, offset: int, length: int, original: int, end: int) -> None:
        index = self._section_start + interface
        if index >= len(self._interfaces) or offset + length > end:
            self._not_whole(np.array([self._frame]))
            return
        time = int(_times(np.array([ticks], np.uint64), *self._clocks[index])[0])
        self._packets.add(self._frame, time, offset, length, original, index)

    def _journal_entry(self, start: int, end: int) -> None:
        fields = dict(journal_fields(self._view[start:end].tobytes()))
        self._journal.append(JournalEntry(self._frame, fields))

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


def _places_of_each(numbers: Ints) -> Iterator[tuple[int, Ints]]:
    """The distinct numbers, and where each of them stands: one sort, however many there are."""
    order = np.argsort(numbers, kind="stable")
    distinct, starts = np.unique(numbers[order], return_index=True)
    yield from zip(distinct.tolist(), np.split(order, starts[1:]), strict=True)


def _times(ticks: NDArray[np.int64] | NDArray[np.uint64], units: int, offset: int) -> Ints:
    """Nanoseconds since the epoch, held within 146 years of it."""
    if units > SECOND:  # finer than a nanosecond: beyond what 64 bits multiply
        values = [int(tick) % (1 << 64) * SECOND // units + offset * SECOND for tick in ticks.tolist()]
        return np.array([max(-_FAR, min(value, _FAR)) for value in values], np.int64)
    unsigned = ticks.astype(np.uint64)
    seconds = np.minimum(unsigned // np.uint64(units), np.uint64(_FAR // SECOND)).astype(np.int64)
    part = (unsigned % np.uint64(units)).astype(np.int64)
    bounded = max(-_FAR // SECOND, min(offset, _FAR // SECOND))
    whole: Ints = np.clip(seconds + bounded, -_FAR // SECOND, _FAR // SECOND) * SECOND
    return whole + part * SECOND // units
