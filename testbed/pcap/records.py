"""Where the records of a capture file begin, and numbers at any place of it."""

from __future__ import annotations

import ctypes
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from testbed.native.library import Octets as NativeOctets
from testbed.native.library import library

Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]

_TOGETHER = 1 << 16  # places found together


class Numbers:
    """Unsigned numbers at any position of a file, in one byte order; positions past the end read the last one."""

    def __init__(self, data: Octets, order: str) -> None:
        self.octets = len(data)
        self._views = {
            size: np.ndarray((max(0, len(data) - size + 1),), f"{order}u{size}", data.data, strides=(1,))
            for size in (2, 4)
        }

    def at(self, position: Ints, size: int = 4) -> Ints:
        """The numbers of ``size`` octets at positions."""
        view = self._views[size]
        found: Ints = view[np.minimum(position, len(view) - 1)].astype(np.int64)
        return found


def walked(what: Literal["records_of_pcap", "blocks_of_pcapng"], data: Octets, order: str, position: int) -> Ints:
    """Where records begin from a position on, as the compiled library finds them; none where there is no library.

    The walk ends with the file, where a record is damaged, and before a section of a pcapng file.
    """
    native = library()
    if native is None:
        return np.zeros(0, np.int64)
    octets, at, found = NativeOctets(data.ctypes.data, len(data)), ctypes.c_uint64(position), []
    walk = getattr(native, what)
    walk.restype = ctypes.c_uint64
    while True:
        places = np.empty(_TOGETHER, np.int64)
        room = ctypes.c_uint64(_TOGETHER)
        count = walk(ctypes.byref(octets), order == ">", ctypes.byref(at), ctypes.c_void_p(places.ctypes.data), room)
        found.append(places[:count])
        if count < _TOGETHER:
            return np.concatenate(found)


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
