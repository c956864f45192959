"""The columns of a capture, collected in parts while its file is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.capture import Capture, Ints, frames_from_one, narrow, short

_COLUMNS = {
    "frame": np.uint32,
    "time_ns": np.int64,
    "offset": np.int64,
    "length": np.uint32,
    "original": np.uint32,
    "interface": np.uint16,
}


class PacketRows:
    """Rows of packets; parts are let go as the columns of the whole are made, so that memory holds them once."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in _COLUMNS}
        self._single: list[tuple[int, ...]] = []

    def add(self, *row: int) -> None:
        """One packet: frame, time, offset, length, original length, interface."""
        self._single.append(row)

    def extend(self, *columns: Ints) -> None:
        """Many packets, in the same columns."""
        for (name, kind), column in zip(_COLUMNS.items(), columns, strict=True):
            self._parts[name].append(column.astype(kind))

    def fill(self, capture: Capture) -> Capture:
        """The capture with these packets, in order of their frames; to be asked for once."""
        order: slice | Ints = slice(None)
        if self._single:
            self.extend(*np.array(self._single, np.int64).T)
            self._single.clear()
            order = np.argsort(np.concatenate(self._parts["frame"]), kind="stable")
        frame, time_ns, offset, length, original, interface = (self._column(name)[order] for name in _COLUMNS)
        cut, count = bool((length != original).any()), len(frame)
        length = narrow(length)
        return replace(
            capture,
            frame=frames_from_one(count) if count and frame[0] == 1 and frame[-1] == count else frame,
            time_ns=time_ns,
            offset=short(offset, capture.data),
            length=length,
            original=narrow(original) if cut else length,
            interface=interface if interface.any() else np.broadcast_to(np.uint16(0), count),
        )

    def _column(self, name: str) -> NDArray[Any]:
        found = np.concatenate([np.zeros(0, _COLUMNS[name]), *self._parts[name]])
        self._parts[name].clear()
        return found
