"""The columns of a capture, collected while its file is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from testbed.pcap.capture import Capture, frames_from_one

KINDS = (np.uint32, np.int64, np.uint64, np.uint32, np.uint32, np.uint16)
_TOGETHER = 1 << 15  # single packets that are taken together
_FRAME, _TIME, _OFFSET, _LENGTH, _ORIGINAL, _INTERFACE = range(len(KINDS))
_GROWTH = 8  # at most, at a time: memory that is not written to is none
_SHORT = 1 << 16

Columns = tuple[NDArray[np.generic], ...]
"""Frame, time, offset, length, original length and interface of some packets, of these :data:`KINDS`."""


class PacketRows:
    """Rows of packets, in the order of their frames, of a file of so many octets.

    Columns are narrow, and three of them are there only once they differ from what is usual: frames numbered without
    gaps, packets captured whole, and the first interface.
    """

    def __init__(self, octets: int) -> None:
        self._octets = octets
        self._count = self._room = 0
        place = np.uint32 if octets < 1 << 32 else np.int64
        self._columns: dict[int, NDArray[Any]] = {
            which: np.empty(0, kind) for which, kind in ((_TIME, np.int64), (_OFFSET, place), (_LENGTH, np.uint16))
        }
        self._single: list[tuple[int, ...]] = []

    def add(self, *row: int) -> None:
        """One packet: frame, time, offset, length, original length, interface."""
        self._single.append(row)
        if len(self._single) == _TOGETHER:
            self._close()

    def extend(self, columns: Columns) -> None:
        """Many packets, in the same columns, which are copied."""
        self._close()
        after = self._count + len(columns[_FRAME])
        if after > self._room:
            self._grow(after, int(columns[_OFFSET][-1]))
        for which, column in enumerate(columns):
            if which not in self._columns and not self._is_usual(which, columns):
                self._columns[which] = self._with_room(self._usual(which))
            if which in self._columns:
                if self._columns[which].dtype == np.uint16 and np.greater_equal(column, _SHORT).any():
                    self._columns[which] = self._columns[which].astype(np.uint32)
                self._columns[which][self._count : after] = column
        self._count = after

    def _grow(self, least: int, offset: int) -> None:
        """Makes room for as many packets as the file may have, by those up to an offset."""
        likely = least * self._octets // max(1, offset)
        self._room = max(least, min(likely + likely // 16, _GROWTH * least))
        for which, column in self._columns.items():
            self._columns[which] = self._with_room(column[: self._count])

    def _with_room(self, numbers: NDArray[Any]) -> NDArray[Any]:
        column = np.empty(self._room, numbers.dtype)
        column[: self._count] = numbers
        return column

    def _is_usual(self, which: int, columns: Columns) -> bool:
        if which == _FRAME:
            frame = columns[_FRAME]
            return bool(frame[0] == self._count + 1 and frame[-1] == self._count + len(frame))
        if which == _ORIGINAL:
            return bool((columns[_LENGTH] == columns[_ORIGINAL]).all())
        return not columns[which].any()

    def _usual(self, which: int) -> NDArray[Any]:
        """The usual numbers of the packets so far."""
        if which == _FRAME:
            return frames_from_one(self._count)
        if which == _ORIGINAL:
            return self._columns[_LENGTH][: self._count]
        return np.broadcast_to(np.uint16(0), self._count)

    def _close(self) -> None:
        if self._single:
            rows, self._single = self._single, []
            self.extend(tuple(np.array(c, kind) for c, kind in zip(zip(*rows, strict=True), KINDS, strict=True)))

    def fill(self, capture: Capture) -> Capture:
        """The capture with these packets."""
        self._close()
        frame, time_ns, offset, length, original, interface = (
            self._columns[which][: self._count] if which in self._columns else self._usual(which)
            for which in range(len(KINDS))
        )
        return replace(
            capture,
            frame=frame,
            time_ns=time_ns,
            offset=offset,
            length=length,
            original=original,
            interface=interface,
        )
