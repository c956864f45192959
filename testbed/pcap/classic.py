"""The classic pcap format (draft-ietf-opsawg-pcap): µs and ns, both byte orders."""

from __future__ import annotations

import struct
from array import array

import numpy as np

from testbed.durations import SECOND
from testbed.errors import CaptureError
from testbed.pcap.capture import Capture, Interface, Lengths, frames_from_one, narrow, short
from testbed.pcap.parts import in_threads, parts
from testbed.pcap.records import Ints, Octets, gather, walked
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
    offsets, end = _scan(data, order)
    count = len(offsets)
    time_ns = np.empty(count, np.int64)
    length: Lengths = np.empty(count, np.uint32)
    original: Lengths = np.empty(count, np.uint32)

    def fill(part: slice) -> bool:
        fields = gather(data, offsets[part], _RECORD_OCTETS).view(order + "u4")
        time_ns[part] = fields[:, 0].astype(np.int64) * SECOND + fields[:, 1].astype(np.int64) * unit_ns
        length[part], original[part] = fields[:, 2], fields[:, 3]
        offsets[part] += _RECORD_OCTETS
        return bool((length[part] != original[part]).any())

    cut = any([*in_threads(fill, parts(count))])
    length = narrow(length)
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
    return Capture(
        data=data,
        frame=frames_from_one(count),
        time_ns=time_ns,
        offset=short(offsets, data),
        length=length,
        original=narrow(original) if cut else length,
        interface=np.broadcast_to(np.uint16(0), count),
        interfaces=(Interface(link_type & _LINK_TYPE_BITS, "", snap_length),),
        frames=count,
        problems=problems,
    )


def _scan(data: Octets, order: str) -> tuple[Ints, int]:
    """Where each record begins, and where the last one ends."""
    offsets = walked("records_of_pcap", data, order, _HEADER_OCTETS)
    if not len(offsets):
        return _walk(data, order)
    (length,) = struct.unpack(order + "I", data[offsets[-1] + 8 : offsets[-1] + 12].tobytes())
    return offsets, int(offsets[-1]) + _RECORD_OCTETS + length


def _walk(data: Octets, order: str) -> tuple[Ints, int]:
    offsets, position = array("q"), _HEADER_OCTETS
    view, end = data.data, len(data)
    length_at = struct.Struct(order + "I").unpack_from
    while position + _RECORD_OCTETS <= end:
        (length,) = length_at(view, position + 8)
        following = position + _RECORD_OCTETS + length
        if following > end:
            break
        offsets.append(position)
        position = following
    return np.frombuffer(offsets, np.int64) if offsets else np.zeros(0, np.int64), position
