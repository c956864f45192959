"""A capture in memory: the file mapped, and NumPy columns that say where each packet lies."""

from __future__ import annotations

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

REDACTED = "Redacted by Mail Testbed"
"""How the comment of a section begins whose capture is redacted."""

Ints = NDArray[np.int64]
Offsets = NDArray[np.int64] | NDArray[np.uint32]
Lengths = NDArray[np.uint32] | NDArray[np.uint16]


class Interface(Struct, frozen=True):
    """Where packets were captured.  ``link_type`` is a LINKTYPE_ number; ``snap_length`` 0 means no limit."""

    link_type: int
    name: str = ""
    snap_length: int = 0


class JournalEntry(Struct, frozen=True):
    """A systemd journal export block: the frame it counts as, and its fields."""

    frame: int
    fields: dict[str, str]


class Capture(Struct, frozen=True):
    """A capture file, read.

    ``data`` is the whole file as ``uint8``.  The columns have one row per packet, in file order: ``frame`` (from 1,
    as Wireshark numbers them), ``time_ns`` (since the epoch), ``offset`` and ``length`` of the captured octets in
    ``data``, ``original`` length on the wire, ``interface`` (index into ``interfaces``).
    """

    data: NDArray[np.uint8]
    frame: NDArray[np.uint32]
    time_ns: Ints
    offset: Offsets
    length: Lengths
    original: Lengths
    interface: NDArray[np.uint16]
    interfaces: tuple[Interface, ...]
    frames: int  # packets and entries together
    names: dict[str, str] = field(default_factory=dict)
    journal: tuple[JournalEntry, ...] = ()
    comments: dict[int, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[memoryview, ...] = ()  # TLS keys, in the NSS key log format
    problems: tuple[str, ...] = ()
    redacted: bool = False  # names, addresses and texts in it are others

    @property
    def rows(self) -> NDArray[np.uint32]:
        """The rows' own numbers, from 0; where frames are numbered without gaps, in the memory of their numbers."""
        base = self.frame.base
        if isinstance(base, np.ndarray) and len(base) == len(self.frame) + 1 and not base[:1].any():
            return base[:-1]
        return np.arange(len(self.frame), dtype=np.uint32)

    def octets(self, row: int) -> bytes:
        """The captured octets of one packet."""
        start = int(self.offset[row])
        return self.data[start : start + int(self.length[row])].tobytes()


def empty(data: NDArray[np.uint8]) -> Capture:
    """A capture without packets."""
    none = np.zeros(0, np.uint32)
    return Capture(data, none, none.astype(np.int64), none, none, none, none.astype(np.uint16), (), 0)


def frames_from_one(count: int) -> NDArray[np.uint32]:
    """Frame numbers of packets that are numbered without gaps; :attr:`Capture.rows` shares their memory."""
    return np.arange(count + 1, dtype=np.uint32)[1:]
