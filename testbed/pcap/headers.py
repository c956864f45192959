"""Headers as the compiled library decodes them (``testbed/native/headers.c``)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from testbed.native.columns import Column, column, octets
from testbed.native.library import Octets as NativeOctets
from testbed.pcap.capture import Capture

_COLUMNS = (
    *("row", "protocol", "v6", "sender", "receiver", "source_port", "destination_port"),
    *("headers", "header", "length", "flags"),
)
_LENGTH = _COLUMNS.index("length")
_OF_FRAGMENT = 5  # numbers
_ADDRESS = 16  # octets

Ints = NDArray[np.int64]


class Batch(Struct, frozen=True):
    """What came of some packets.

    How many rows; how many packets are too short for their headers, are no IP, or are cut short; those that cannot be
    read by link type; and the fragments' columns.
    """

    count: int
    short: int
    no_ip: int
    cut: int
    unread: dict[int, int]
    fragments: tuple[Ints, ...]


class _Frames(ctypes.Structure):
    _fields_ = (
        ("data", NativeOctets),
        *((name, Column) for name in ("offset", "captured", "original", "interface", "link")),
    )


class _Table(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in _COLUMNS)


class _Addresses(ctypes.Structure):
    _fields_ = (
        ("at", ctypes.c_void_p),
        ("slots", ctypes.c_void_p),
        ("mask", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("key", ctypes.c_uint64 * 2),
    )


class _Rest(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("short", "no_ip", "cut")),
        ("unread", ctypes.c_void_p),
        ("fragments", ctypes.c_void_p),
        ("fragmented", ctypes.c_uint64),
    )


class Headers:
    """Decodes batches of a capture, several at a time.  ``numbers`` numbers addresses of IPv6."""

    def __init__(self, native: ctypes.CDLL, capture: Capture, numbers: Callable[[NDArray[np.uint8]], Ints]) -> None:
        self._call = native.headers
        self._call.restype = ctypes.c_uint64
        self._numbers = numbers
        self._links = np.array([interface.link_type for interface in capture.interfaces], np.int64)
        given = capture.offset, capture.length, capture.original, capture.interface, self._links
        self._kept = given  # for as long as the library reads them
        self._frames = _Frames(octets(capture.data), *map(column, given))
        self._key = (ctypes.c_uint64 * 2).from_buffer_copy(os.urandom(16))

    def batch(self, rows: slice, columns: list[NDArray[np.generic]]) -> Batch:
        """Fills columns with the packets among some rows of the capture."""
        most = rows.stop - rows.start
        filled = [*columns]
        filled[_LENGTH] = np.empty(most, np.uint32)
        met, slots = np.empty((2 * most, _ADDRESS), np.uint8), np.zeros(1 << (4 * most).bit_length(), np.uint32)
        known = _Addresses(met.ctypes.data, slots.ctypes.data, len(slots) - 1, 0, self._key)
        unread, fragments = np.zeros(len(self._links), np.uint64), np.empty((most, _OF_FRAGMENT), np.int64)
        rest = _Rest(0, 0, 0, unread.ctypes.data, fragments.ctypes.data, 0)
        table = _Table(*(one.ctypes.data for one in filled))
        count = self._call(
            ctypes.byref(self._frames),
            ctypes.c_uint64(rows.start),
            ctypes.c_uint64(rows.stop),
            *map(ctypes.byref, (table, known, rest)),
        )
        columns[_LENGTH][:count] = filled[_LENGTH][:count]
        if known.count:
            v6, of_all = np.flatnonzero(filled[2][:count]), self._numbers(met[: known.count])
            for ends in filled[3:5]:
                ends[v6] = of_all[ends[v6]]
        by_link: dict[int, int] = {}
        for interface in np.flatnonzero(unread).tolist():
            link = int(self._links[interface])
            by_link[link] = by_link.get(link, 0) + int(unread[interface])
        found = tuple(fragments[: rest.fragmented].T) if rest.fragmented else ()
        return Batch(count, rest.short, rest.no_ip, rest.cut, by_link, found)
