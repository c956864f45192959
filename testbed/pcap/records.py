"""The packets of large files, as the compiled library finds them, and octets at any place of a file."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from testbed.native.columns import Column, octets
from testbed.native.library import library
from testbed.pcap.packet_rows import KINDS, Columns

Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]

_TOGETHER = 1 << 16  # packets found together


class _Packets(ctypes.Structure):
    _fields_ = (
        ("room", ctypes.c_uint64),
        *((name, ctypes.c_void_p) for name in ("frame", "time", "offset", "captured", "original", "interface")),
    )


class Section(ctypes.Structure):
    """Where in a pcapng file to go on, and how to read from there: the library's structure of that name."""

    _fields_ = (
        ("big", ctypes.c_bool),
        ("position", ctypes.c_uint64),
        ("frame", ctypes.c_uint32),
        ("first", ctypes.c_uint32),
        ("known", ctypes.c_uint32),
        ("units", Column),
        ("since", Column),
    )


class PlainPackets:
    """The packets of a file that the compiled library finds, in parts: none where there is no library.

    The columns of a part are to be copied before the next is asked for.
    """

    def __init__(self, data: Octets) -> None:
        self._native = library()
        self._data = data  # kept for as long as the library reads it
        self._given = octets(data)
        self._columns = tuple(np.zeros(_TOGETHER, kind) for kind in KINDS)
        self._packets = _Packets(_TOGETHER, *(one.ctypes.data for one in self._columns))

    def of_pcap(self, order: str, unit_ns: int, position: int) -> Iterator[Columns]:
        """Those from a position on, as far as records are whole; a fraction of a second has units of ``unit_ns``."""
        place = ctypes.c_uint64(position)
        return self._found("packets_of_pcap", order == ">", ctypes.c_uint64(unit_ns), ctypes.byref(place))

    def of_pcapng(self, section: Section) -> Iterator[Columns]:
        """Those up to a block that has to be read in another way; ``section`` moves on."""
        return self._found("packets_of_pcapng", ctypes.byref(section))

    def _found(self, what: str, *arguments: object) -> Iterator[Columns]:
        if self._native is None:
            return
        walk = getattr(self._native, what)
        walk.restype = ctypes.c_uint64
        count = _TOGETHER
        while count == _TOGETHER:
            count = walk(ctypes.byref(self._given), *arguments, ctypes.byref(self._packets))
            if count:
                yield tuple(one[:count] for one in self._columns)


def gather(data: Octets, position: Ints, octets: int) -> Octets:
    """Some octets from each position, as an array of shape (positions, octets); zeros past the end of the data.

    A view whose elements overlap makes this one copy per position, whatever their number.
    """
    last = len(data) - octets
    if last < 0:
        return gather(np.concatenate((data, np.zeros(octets, np.uint8))), np.minimum(position, len(data)), octets)
    view = np.ndarray((last + 1,), np.dtype((np.void, octets)), data.data, strides=(1,))
    found = view[np.minimum(position, last)].view(np.uint8).reshape(len(position), octets)
    for row in np.flatnonzero(position > last).tolist():
        tail = data[int(position[row]) : int(position[row]) + octets]
        found[row] = 0
        found[row, : len(tail)] = tail
    return found


def distinct(rows: Octets) -> tuple[Octets, Ints]:
    """The distinct rows, and for every row which of them it is."""
    key = row_keys(rows)
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    found: Octets = rows[first]
    if not (found[index] == rows).all():  # two different rows of one key: not by chance
        found, index = np.unique(rows, axis=0, return_inverse=True)
    return found, index.ravel()


def row_keys(rows: Octets) -> NDArray[np.uint64]:
    """A number for each row, the same for equal rows."""
    padded = np.zeros((len(rows), -(-rows.shape[1] // 8) * 8), np.uint8)
    padded[:, : rows.shape[1]] = rows
    longs = padded.view(np.uint64)
    key = np.zeros(len(rows), np.uint64)
    for column in range(longs.shape[1]):
        key = (key ^ longs[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(32)
    return key
