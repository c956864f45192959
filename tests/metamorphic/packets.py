"""Captures as rows of frames that remember which packet of the whole capture they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from testbed.pcap.read import parse_capture, read_capture
from testbed.pcap.write import BlockWriter
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse

_ETHERNET, _RAW = 1, 101
_MACS = b"\x02\0\0\0\0\2\x02\0\0\0\0\1"
_TYPES = {4: b"\x08\0", 6: b"\x86\xdd"}


@dataclass(frozen=True, slots=True)
class Frame:
    """An Ethernet frame.  ``origin`` numbers the packet of the whole capture it is, from 0; ``full`` is its length."""

    origin: int
    time_ns: int
    octets: bytes
    full: int


@dataclass(frozen=True)
class Whole:
    """A capture that holds everything, and what must never be shown of it."""

    name: str
    frames: tuple[Frame, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[bytes, ...] = ()


def framed(packets: Iterable[tuple[int, bytes]]) -> tuple[Frame, ...]:
    """IP packets with their times as frames."""
    frames = []
    for origin, (time_ns, packet) in enumerate(packets):
        octets = _MACS + _TYPES[packet[0] >> 4] + packet
        frames.append(Frame(origin, time_ns, octets, len(octets)))
    return tuple(frames)


def whole_of(path: Path) -> Whole:
    """A reference trace as a stranger's capture: without the hosts' log, and without keys."""
    capture = read_capture(path)
    assert {interface.link_type for interface in capture.interfaces} == {_RAW}
    rows = range(len(capture.frame))
    packets = [(int(capture.time_ns[row]), capture.octets(row)) for row in rows]
    return Whole(path.stem, framed(packets), capture.names)


def inspected(frames: Iterable[Frame], names: Mapping[str, str], *, show_credentials: bool = False) -> Analysis:
    """What the inspector understands of a capture that holds these frames, in this order."""
    file = BytesIO()
    writer = BlockWriter(file, application="tests")
    writer.interface(_ETHERNET, "eth0")
    if names:
        writer.names(names)
    for frame in frames:
        writer.packet(0, frame.time_ns, frame.octets, frame.full)
    capture = parse_capture(np.frombuffer(file.getvalue(), np.uint8))
    return analyse(replace(capture, secrets=()), show_credentials=show_credentials)
