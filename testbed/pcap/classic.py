"""The classic pcap format (draft-ietf-opsawg-pcap): µs and ns, both byte orders."""

from __future__ import annotations

import struct
from array import array

import numpy as np
from numpy.typing import NDArray

from testbed.errors import CaptureError
from testbed.pcap.capture import Capture, Interface

# First four octets: byte order, nanoseconds per unit of the fraction.
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}

_HEADER_OCTETS, _RECORD_OCTETS = 24, 16
_LINK_TYPE_BITS = 0x0FFFFFFF  # above them: frame check sequence length


def read_classic(data: NDArray[np.uint8], name: str) -> Capture:
    """Read a pcap file.  Raises CaptureError when even its header is not whole."""
    if len(data) < _HEADER_OCTETS:
        raise CaptureError(f"{name}: the file breaks off in its header, after {len(data)} octets")
    order, unit_ns = MAGICS[data[:4].tobytes()]
    snap_length, link_type = struct.unpack(order + "II", data[16:24].tobytes())
    offsets, problems = _scan(data, order)
    header = _headers(data, offsets, order)
    seconds, fraction, length, original = (header[:, column] for column in range(4))
    count = len(offsets)
    return Capture(
        data=data,
        frame=np.arange(1, count + 1, dtype=np.int64),
        time_ns=seconds * 1_000_000_000 + fraction * unit_ns,
        offset=offsets + _RECORD_OCTETS,
        length=length,
        original=original,
        interface=np.zeros(count, np.int64),
        interfaces=(Interface(link_type & _LINK_TYPE_BITS, "", snap_length),),
        frames=count,
        problems=problems,
    )


def _scan(data: NDArray[np.uint8], order: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Where each record begins, and what is wrong with the end of the file."""
    offsets = array("q")
    view, end, position = data.data, len(data), _HEADER_OCTETS
    length_at = struct.Struct(order + "I").unpack_from
    while position + _RECORD_OCTETS <= end:
        (length,) = length_at(view, position + 8)
        following = position + _RECORD_OCTETS + length
        if following > end:
            break
        offsets.append(position)
        position = following
    problems: tuple[str, ...] = ()
    if position != end:
        problems = (
            f"the file breaks off in the middle of frame {len(offsets) + 1}, at octet {position:,}; "
            f"{len(offsets)} frames are whole",
        )
    return np.array(offsets, np.int64), problems


def _headers(data: NDArray[np.uint8], offsets: NDArray[np.int64], order: str) -> NDArray[np.int64]:
    """The four numbers of each record header, as an array of shape (records, 4)."""
    if not len(offsets):
        return np.zeros((0, 4), np.int64)
    rows = np.lib.stride_tricks.sliding_window_view(data, _RECORD_OCTETS)[offsets]
    return np.ascontiguousarray(rows).view(np.dtype(order + "u4")).astype(np.int64)
