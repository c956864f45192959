"""Where the records of a capture file begin, found many at a time.

Each record tells where the next one begins, so a plain walk is a chain of dependent reads.  A large file is cut into
pieces instead: in each, a first record is guessed, and all chains are followed in lockstep, a column at a time.  A
piece's chain counts only if the chain before it arrives exactly where it begins; else that stretch is walked.  The
result is the plain walk's, whatever lies in the payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.parts import cores, in_threads, parts

Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]

_PIECE = 1 << 18
_WINDOW = 1 << 10  # octets looked through at a time for the first record of a piece
_WINDOWS = 64
_WINDOWS_TOGETHER = 64  # looked through together
_TOGETHER = 2_048  # pieces followed together
_LEAST = 1 << 21  # below this size, a plain walk is as quick


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


def chains(
    size: int, first: int, step: Callable[[Ints], Ints], places: Callable[[Ints], Ints]
) -> Iterator[tuple[Ints, int]]:
    """Chains of records for the pieces of a file of ``size`` octets, in order; none for a small file.

    ``step`` gives the octets of the records at positions, 0 where none can be; ``places`` at which of some positions
    a record may begin.  A chain is the positions of its records and the position after the last.
    """
    if size - first < _LEAST:
        return
    starts = np.append(first, _guesses(np.arange(first + _PIECE - first % _PIECE, size - _PIECE, _PIECE), places))
    limits = np.append(starts[1:], size)
    groups = parts(len(starts), min(_TOGETHER, -(-len(starts) // cores())))
    for found in in_threads(lambda group: _lockstep(size, starts[group], limits[group], step), groups):
        yield from found


def _lockstep(size: int, starts: Ints, limits: Ints, step: Callable[[Ints], Ints]) -> list[tuple[Ints, int]]:
    columns, position, running = [], starts.copy(), np.arange(len(starts))
    while len(running):
        here = position[running]
        length = step(here)
        fits = (length > 0) & (here + length <= size) & (here < limits[running])
        if not fits.all():
            running, here, length = running[fits], here[fits], length[fits]
        columns.append((running, here))
        position[running] = here + length
    owner = np.concatenate([piece for piece, _ in columns]).astype(np.uint16)
    records = np.concatenate([here for _, here in columns])
    order = np.argsort(owner, kind="stable")
    chained = np.split(records[order], np.searchsorted(owner[order], np.arange(1, len(starts))))
    return [(chain, int(after)) for chain, after in zip(chained, position, strict=True) if len(chain)]


def _guesses(pieces: Ints, places: Callable[[Ints], Ints]) -> Ints:
    """The first likely record of every piece; a piece without any is left to the one before."""
    found, window = [], 0
    while len(pieces) and window < _WINDOWS:
        groups = np.array_split(pieces, -(-len(pieces) // _WINDOWS_TOGETHER))
        first = np.concatenate([*in_threads(partial(_first_places, places, window * _WINDOW), groups)])
        found.append(first[first >= 0])
        pieces = pieces[first < 0]
        window += 1
    return np.sort(np.concatenate(found))


def _first_places(places: Callable[[Ints], Ints], offset: int, pieces: Ints) -> Ints:
    """The first likely record in the window at an offset into each piece, -1 where there is none."""
    starts = pieces + offset
    likely = places((starts[:, None] + np.arange(_WINDOW)).ravel())
    first = np.searchsorted(likely, starts)
    at = np.append(likely, -1)[first]
    return np.where(at < starts + _WINDOW, at, -1)


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
