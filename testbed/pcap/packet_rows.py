"""The columns of a capture, collected in parts while its file is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.capture import Capture, frames_from_one, narrow

KINDS = (np.uint32, np.int64, np.uint64, np.uint32, np.uint32, np.uint16)
_TOGETHER = 1 << 15  # single packets that are made a part
_OFFSET, _LENGTH, _ORIGINAL = 2, 3, 4

Columns = tuple[NDArray[np.generic], ...]
"""Frame, time, offset, length, original length and interface of some packets, of these :data:`KINDS`."""


class PacketRows:
    """Rows of packets, in the order of their frames, of a file of so many octets.

    Parts are narrow, and let go as the columns of the whole are made, so that memory holds them once.
    """

    def __init__(self, octets: int) -> None:
        self._places = np.uint32 if octets < 1 << 32 else np.int64
        self._parts: list[list[NDArray[Any]]] = [[] for _ in KINDS]
        self._single: list[tuple[int, ...]] = []
        self._cut = False  # some packets were longer than what was captured of them

    def add(self, *row: int) -> None:
        """One packet: frame, time, offset, length, original length, interface."""
        self._single.append(row)
        if len(self._single) == _TOGETHER:
            self._close()

    def extend(self, columns: Columns) -> None:
        """Many packets, in the same columns, which are copied."""
        self._close()
        for which, (part, column) in enumerate(zip(self._parts, columns, strict=True)):
            part.append(column.astype(self._places) if which == _OFFSET else column.copy())
        self._cut |= bool((columns[_LENGTH] != columns[_ORIGINAL]).any())
        for which in (_LENGTH, _ORIGINAL) if self._cut else (_LENGTH,):
            self._parts[which][-1] = narrow(self._parts[which][-1])
        if not self._cut:
            self._parts[_ORIGINAL][-1] = self._parts[_LENGTH][-1]

    def _close(self) -> None:
        if self._single:
            rows, self._single = self._single, []
            self.extend(tuple(np.array(c, kind) for c, kind in zip(zip(*rows, strict=True), KINDS, strict=True)))

    def fill(self, capture: Capture) -> Capture:
        """The capture with these packets; to be asked for once."""
        self._close()
        frame, time_ns, offset, length = map(self._column, range(_ORIGINAL))
        original = self._column(_ORIGINAL) if self._cut else length
        interface, count = self._column(len(KINDS) - 1), len(frame)
        return replace(
            capture,
            frame=frames_from_one(count) if count and frame[0] == 1 and frame[-1] == count else frame,
            time_ns=time_ns,
            offset=offset,
            length=length,
            original=original,
            interface=interface if interface.any() else np.broadcast_to(np.uint16(0), count),
        )

    def _column(self, which: int) -> NDArray[Any]:
        parts, self._parts[which] = self._parts[which], []
        return np.concatenate(parts) if parts else np.zeros(0, KINDS[which])
