"""Captures read as a stream: from pipes, packed files and live interfaces, in bounded memory.

A stream is cut into segments of whole records.  Each is a :class:`~testbed.pcap.capture.Capture` of its own, read by
the readers of whole files; frame numbers, interfaces and names run on from one segment to the next.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from typing import BinaryIO, cast

import numpy as np
from msgspec.structs import replace

from testbed.errors import CaptureError, reason
from testbed.pcap.bombs import LONGEST_RECORD, RecordLimit
from testbed.pcap.capture import Capture, Interface
from testbed.pcap.classic import MAGICS, read_classic
from testbed.pcap.pcapng import MAGIC as PCAPNG_MAGIC
from testbed.pcap.pcapng import BlockReader
from testbed.pcap.read import PACKED, parse_capture
from testbed.pcap.records import Octets
from testbed.protocols.text import shown

Read = Callable[[int], bytes | None]
"""Gives at most that many octets: ``b""`` at the end of the source, None when it pauses."""

SEGMENT_OCTETS = 32 << 20

_CHUNK = 1 << 20
_MAGIC_OCTETS = 4
_MOST_NAMES, _LONGEST_NAME = 1 << 17, 256  # kept from one segment to the next
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


def segments(
    read: Read, name: str, most_octets: int = SEGMENT_OCTETS, *, problems: Sequence[str] = ()
) -> Iterator[Capture]:
    """The capture a source of pcap or pcapng octets gives, in segments of some ``most_octets`` of whole records.

    Concatenated, the segments say what ``read_capture`` says of the whole: each has its own packets, journal entries,
    comments, secrets and problems, and the interfaces, names and number of ``frames`` up to its end; ``offset`` counts
    in its own ``data``.  There is at least one segment.  A record longer than ``most_octets`` is a segment of its own.
    When ``read`` gives None, whole records that wait come as a segment at once.  A source that breaks off or is
    damaged ends with a segment that says so; ``problems``, looked at when the source ends, are told first there.

    Memory: two segments, with some 30 octets a packet, if the caller keeps only the last.  A record of more than
    128 MiB counts as damage.  Raises CaptureError when the source is no capture, and what ``read`` raises.
    """
    cutter = Cutter(name, most_octets)
    while not cutter.over and (octets := read(_CHUNK)) != b"":
        yield from cutter.flush() if octets is None else cutter.feed(octets)
    yield from cutter.finish(problems)


def read_segments(
    path: str | os.PathLike[str], most_octets: int = SEGMENT_OCTETS, *, patience: float | None = None
) -> Iterator[Capture]:
    """The segments of a file or named pipe, plain or packed by gzip or zstd, with nothing put on disk.

    ``-`` is standard input.  With ``patience`` (seconds), records of a plain source wait no longer than that for their
    segment to fill.  Raises CaptureError, as ``read_capture`` does.
    """
    name = os.fspath(path)
    called = "standard input" if name == "-" else name
    problems: list[str] = []
    try:
        with _open(name) as file:
            start = _first_octets(patient(file.fileno(), None))
            unpack = next((unpack for packed, unpack in PACKED.items() if start.startswith(packed)), None)
            source = _Joined(start, patient(file.fileno(), None if unpack else patience))
            if unpack is None:
                yield from segments(source.read, called, most_octets)
            else:
                chunks = unpack(cast(BinaryIO, source), called, problems)
                for segment in segments(lambda _: next(chunks, b""), called, most_octets, problems=problems):
                    RecordLimit(called, source.octets).passed(segment.frames)
                    yield segment
    except OSError as error:
        raise CaptureError(f"{called}: it cannot be read: {reason(error)}") from error


def patient(descriptor: int, patience: float | None) -> Read:
    """Reads a descriptor, and pauses every ``patience`` seconds, whether or not it has octets then."""
    waiter = select.poll()
    waiter.register(descriptor, select.POLLIN)
    with suppress(OSError):  # no pipe
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _CHUNK)
    beat = time.monotonic() + (patience or 0)

    def read(octets: int) -> bytes | None:
        nonlocal beat
        if patience is None:
            waiter.poll()  # also where the descriptor itself does not wait
            return os.read(descriptor, octets)
        left = beat - time.monotonic()
        if left > 0 and waiter.poll(left * 1000):
            return os.read(descriptor, octets)
        beat = time.monotonic() + patience
        return None

    return read


class Cutter:
    """Cuts the octets of one capture into segments; does no input of its own.  See :func:`segments`."""

    def __init__(self, name: str = "capture", most_octets: int = SEGMENT_OCTETS) -> None:
        self.over = False  # nothing more can be read, as the stream has ended or is damaged
        self._name = name
        self._most = max(1, most_octets)
        self._format: _Classic | _Pcapng | None = None
        self._buffer = bytearray()  # a header, and what no segment has had yet
        self._enough = self._full = _MAGIC_OCTETS  # its octets when one more record may be whole; when it is cut
        self._cuts = 0

    def feed(self, octets: bytes | bytearray | memoryview) -> Iterator[Capture]:
        """Take some octets; gives the segments that are full.  Raises CaptureError when this is no capture."""
        rest = memoryview(octets)
        while len(rest) and not self.over:
            room = self._full - len(self._buffer)
            self._buffer += rest[:room]
            rest = rest[room:]
            if len(self._buffer) >= self._full:
                yield from self._cut() if self._format else self._begin()

    def flush(self) -> Iterator[Capture]:
        """What is whole so far, as a segment that is not full."""
        if self._format and not self.over and len(self._buffer) >= self._enough:
            yield from self._cut()

    def finish(self, problems: Sequence[str] = ()) -> Iterator[Capture]:
        """The stream has ended: what is left, ``problems`` of its source first.  Raises CaptureError as ``feed``."""
        if not self.over:
            yield from self._cut(problems, last=True)

    def _begin(self) -> tuple[Capture, ...]:
        magic = bytes(self._buffer)
        if magic in MAGICS:
            self._format = _Classic(self._name)
        elif magic == PCAPNG_MAGIC:
            self._format = _Pcapng()
        else:
            parse_capture(np.frombuffer(magic, np.uint8), self._name)  # raises the error that fits
            raise AssertionError("unreachable: a format the reader knows and the cutter does not")
        self._enough = self._format.first + self._format.least
        self._full = max(self._enough, self._format.first + self._most)
        return ()

    def _cut(self, problems: Sequence[str] = (), *, last: bool = False) -> tuple[Capture, ...]:
        """The whole records of the buffer, which then begins with those that are not."""
        piece = np.frombuffer(self._buffer, np.uint8)
        if self._format is None:
            parse_capture(piece, self._name)  # too short for a capture
            raise AssertionError("unreachable: a capture of less than four octets")
        found, end = self._format.read(piece)
        first, tail = self._format.first, piece[end:]
        needed = self._format.needed(tail.data) if len(tail) else self._format.least
        self.over = last or not len(tail) < needed <= LONGEST_RECORD
        told = [*problems, *found.problems]
        if len(tail) and not self.over:
            told.pop()  # the last says that the piece breaks off
        elif needed > LONGEST_RECORD and not last and not isinstance(self._format, _Classic):  # which tells it
            told[-1] += f"; what follows claims {needed:,} octets"
        self._buffer = self._buffer[:first] + tail.tobytes()
        self._enough = first + needed
        self._full = first + max(needed, self._most)
        if end == first and not told and (self._cuts or not last):
            return ()
        self._cuts += 1
        return (replace(found, data=piece[:end], problems=tuple(told)),)


class _Classic:
    first, least = 24, 16  # octets before the records of a piece, of the shortest record

    def __init__(self, name: str) -> None:
        self._name = name
        self._order = "<"
        self._frames = self._base = 0  # frames and octets of the stream before the piece

    def read(self, piece: Octets) -> tuple[Capture, int]:
        """What is whole, and where that ends; the last problem tells of a tail behind it."""
        found = read_classic(piece, self._name, self._frames, self._base)
        self._order, _ = MAGICS[piece[:_MAGIC_OCTETS].tobytes()]
        end = int(found.offset[-1]) + int(found.length[-1]) if found.frames else self.first
        frame = found.frame + np.uint32(self._frames & 0xFFFFFFFF)
        self._frames += found.frames
        self._base += end - self.first
        return replace(found, frame=frame, frames=self._frames), end

    def needed(self, tail: memoryview) -> int:
        """The octets of the record a tail begins with, or those that would tell; 0 where none can be."""
        if len(tail) < self.least:
            return self.least
        (length,) = struct.unpack_from(self._order + "I", tail, 8)
        return self.least + int(length)


@dataclass(slots=True)
class _Known:
    """What blocks mean depends on the blocks before them: this is what is left of those."""

    order: str = "<"
    frame: int = 0
    section_start: int = 0
    interfaces: list[Interface] = field(default_factory=list)
    clocks: list[tuple[int, int]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


class _Pcapng:
    first, least = 0, 12

    def __init__(self) -> None:
        self._known = _Known()
        self._base = 0

    def read(self, piece: Octets) -> tuple[Capture, int]:
        """As that of the classic format."""
        reader = _Resumed(piece, self._known, self._base)
        reader.read()
        found = reader.capture()
        self._known = reader.known()
        self._base += reader.end
        return found, reader.end

    def needed(self, tail: memoryview) -> int:
        """As that of the classic format."""
        if len(tail) < self.least:
            return self.least
        order = _ORDERS.get(bytes(tail[8:12])) if tail[:_MAGIC_OCTETS] == PCAPNG_MAGIC else self._known.order
        if order is None:
            return 0
        (length,) = struct.unpack_from(order + "I", tail, 4)
        return int(length + -length % 4) if length >= self.least else 0


class _Resumed(BlockReader):
    """Reads blocks that follow others."""

    def __init__(self, data: Octets, known: _Known, before: int) -> None:
        super().__init__(data, before)
        self._order, self._frame, self._section_start = known.order, known.frame, known.section_start
        self._interfaces, self._clocks, self._names = known.interfaces, known.clocks, known.names
        self._first_new = len(known.interfaces)

    def known(self) -> _Known:
        """What later blocks need; long names are cut, and there is an end to their number."""
        for index in range(self._first_new, len(self._interfaces)):
            interface = self._interfaces[index]
            self._interfaces[index] = replace(interface, name=interface.name[:_LONGEST_NAME])
        kept = islice(self._names.items(), _MOST_NAMES)
        names = {address: name[:_LONGEST_NAME] for address, name in kept}
        return _Known(self._order, self._frame, self._section_start, self._interfaces, self._clocks, names)


def _open(name: str) -> BinaryIO:
    """Standard input, a regular file or a named pipe; any other device could make the reader wait for ever."""
    if name == "-":
        return open(0, "rb", buffering=0, closefd=False)
    if not (stat.S_ISREG(mode := os.stat(name).st_mode) or stat.S_ISFIFO(mode)):
        raise CaptureError(f"{shown(name)}: this is neither a regular file nor a pipe")
    return open(name, "rb", buffering=0)


def _first_octets(read: Read) -> bytes:
    start = b""
    while len(start) < _MAGIC_OCTETS and (octets := read(_MAGIC_OCTETS - len(start))):
        start += octets
    return start


class _Joined:
    """A file from its beginning, of which some octets have been read already."""

    def __init__(self, start: bytes, read: Read) -> None:
        self._start, self._read = BytesIO(start), read
        self.octets = 0
        """How many were read."""

    def read(self, octets: int) -> bytes | None:
        """At most so many octets."""
        found = self._start.read(octets) or self._read(octets)
        self.octets += len(found or b"")
        return found

    def close(self) -> None:
        """Nothing: the file is its opener's to close."""
