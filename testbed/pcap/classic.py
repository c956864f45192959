"""The classic pcap format (draft-ietf-opsawg-pcap): µs and ns, both byte orders."""

from __future__ import annotations

import struct

import numpy as np
from msgspec.structs import replace

from testbed.durations import SECOND
from testbed.errors import CaptureError
from testbed.pcap.capture import Capture, Interface, empty
from testbed.pcap.packet_rows import PacketRows
from testbed.pcap.records import Octets, PlainPackets
from testbed.protocols.text import shown

# First four octets: byte order, nanoseconds per unit of the fraction.
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}

_HEADER_OCTETS, _RECORD_OCTETS = 24, 16
_LINK_TYPE_BITS = 0xFFFF  # above them: reserved bits, which a reader ignores, and the length of a frame check sequence
_MAX_LIKELY = 1 << 18  # octets of a packet, when one is guessed


def read_classic(data: Octets, name: str, frames_before: int = 0, octets_before: int = 0) -> Capture:
    """Read a pcap file, or a piece of one: a header, and records that so many frames and octets come before.

    What comes before counts in ``problems`` alone.  Raises CaptureError when even the header is not whole.
    """
    if len(data) < _HEADER_OCTETS:
        raise CaptureError(f"{shown(name)}: the file breaks off in its header, after {len(data)} octets")
    order, unit_ns = MAGICS[data[:4].tobytes()]
    snap_length, link_type = struct.unpack(order + "II", data[16:24].tobytes())
    rows = PacketRows(len(data))
    count, end = _read(data, order, unit_ns, rows)
    problems: tuple[str, ...] = ()
    if end != len(data):
        whole = frames_before + count
        at = f"at octet {octets_before + end:,}"
        kept = f"{whole} frame{' is' if whole == 1 else 's are'} whole"
        (claim,) = struct.unpack(order + "I", data[end + 8 : end + 12].tobytes().ljust(4, b"\0"))
        if end + _RECORD_OCTETS <= len(data) and claim > max(_MAX_LIKELY, snap_length):
            problem = f"the record of frame {whole + 1}, {at}, is damaged (it says {claim:,} octets), and what is "
            problem += f"behind it cannot be read; {kept}"
        else:
            problem = f"the file breaks off in the middle of frame {whole + 1}, {at}; {kept}"
        problems = (problem,)
    known = Interface(link_type & _LINK_TYPE_BITS, "", snap_length)
    return rows.fill(replace(empty(data), interfaces=(known,), frames=count, problems=problems))


def _read(data: Octets, order: str, unit_ns: int, rows: PacketRows) -> tuple[int, int]:
    """Collects the packets; how many there are, and where the last one ends."""
    count, position, view = 0, _HEADER_OCTETS, data.data
    for columns in PlainPackets(data).of_pcap(order, unit_ns, position):
        offset, length = columns[2], columns[3]
        position = int(offset[-1]) + int(length[-1])
        columns[0][:] = np.arange(count + 1, count + 1 + len(offset))
        count += len(offset)
        rows.extend(columns)
    header = struct.Struct(order + "IIII").unpack_from
    while position + _RECORD_OCTETS <= len(data):
        seconds, part, length, original = header(view, position)
        start = position + _RECORD_OCTETS
        if start + length > len(data):
            break
        count += 1
        rows.add(count, seconds * SECOND + part * unit_ns, start, length, original, 0)
        position = start + length
    return count, position
