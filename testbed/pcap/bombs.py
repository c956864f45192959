"""Small files that unpack to more packets than there can be in them.

Long packets of zeros pack a thousandfold, so octets tell nothing.  Records do: each has a time, a sequence number and
a checksum of its own, and takes some octets however well it is packed.  Memory is taken by the record, too.
"""

from __future__ import annotations

import mmap
import struct
from typing import BinaryIO

from testbed.errors import CaptureError
from testbed.pcap.classic import MAGICS
from testbed.pcap.pcapng import MAGIC as PCAPNG_MAGIC

LONGEST_RECORD = 128 << 20
"""Octets; Wireshark's limit for the longest packets of any link type."""
_LEAST_PACKED = 4  # octets of a record
_ALWAYS = 1 << 20  # records that are let pass however small the file
_SUSPICIOUS = 64  # times its size: below, records are not counted
_SMALL = 32 << 20  # octets that hold few records whatever they are


class RecordLimit:
    """Counts the records of what a file of ``packed`` octets unpacks to, where that is suspiciously much."""

    def __init__(self, name: str, packed: int) -> None:
        self._name, self._packed = name, packed
        self._checked, self._position, self._records = _SMALL, 0, 0

    def over(self, plain: BinaryIO, octets: int) -> bool:
        """Whether the first ``octets``, which are in the file ``plain`` by now, hold all that can be read.

        Raises CaptureError when they hold too many records.
        """
        if octets < self._checked or octets < _SUSPICIOUS * self._packed:
            return False
        self._checked = octets + _SMALL
        plain.flush()
        with mmap.mmap(plain.fileno(), octets, access=mmap.ACCESS_READ) as data:
            return self._damaged_in(data)

    def passed(self, records: int) -> None:
        """So many records were found.  Raises CaptureError when they are too many."""
        if records > _ALWAYS + self._packed // _LEAST_PACKED:
            raise CaptureError(
                f"{self._name}: {self._packed:,} packed octets hold more than {records - 1:,} packets, which is true "
                "of no capture; to read it all the same, unpack it first"
            )

    def _damaged_in(self, data: mmap.mmap) -> bool:
        """Go through the records up to the end, and tell whether damage is met, at which every reader ends."""
        classic = MAGICS.get(data[:4])
        order = classic[0] if classic else "<" if data[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
        header, at, more = (16, 8, 16) if classic else (12, 4, 0)
        length_at = struct.Struct(order + "I").unpack_from
        position = self._position or (24 if classic else 0)
        most = _ALWAYS + self._packed // _LEAST_PACKED
        while position + header <= len(data) and self._records <= most:
            if not classic and data[position : position + 4] == PCAPNG_MAGIC:
                order = "<" if data[position + 8 : position + 12] == b"\x4d\x3c\x2b\x1a" else ">"
                length_at = struct.Struct(order + "I").unpack_from
            (length,) = length_at(data, position + at)
            step = length + more
            if not header <= step <= LONGEST_RECORD:
                return True
            position += step + (0 if classic else -step % 4)
            self._records += 1
        self._position = position
        self.passed(self._records)
        return False
