"""The page of memory that a lab's programs share with it: its clock, and what each of their threads waits for.

Its layout is that of ``scenario_time.c``, in the machine's byte order.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from testbed.net.program_time.stamps import Stamps

NEVER = (1 << 63) - 1
"""The end of a wait without a time limit, nanoseconds."""

SLOTS, _JUMPS, _SET_TIMES = 4096, 131_072, 8192
_MAGIC = 0x314D4954
_HEADER = struct.Struct("=IIqII")  # magic, slots, offset, jumps, used
_SLOT = struct.Struct("=iiIIqqqII")  # thread, state, start, waits, until, alarm, every, limits, taken
_JUMP = struct.Struct("=qq")
_SET_TIME = struct.Struct("=IIQQqqqq")
_WORD, _LONG = struct.Struct("=I"), struct.Struct("=q")
_OFFSET_AT, _JUMPS_AT, _USED_AT = 8, 16, 20
_UNTIL_AT, _ALARM_AT, _TAKEN_AT = 16, 24, 44
_HISTORY_AT = _HEADER.size + SLOTS * _SLOT.size
_SIZE = _HISTORY_AT + _JUMPS * _JUMP.size + _SET_TIMES * _SET_TIME.size

_WAITS = 2
SOCKETS, TIMERS = 1, 2
"""Time limits of sockets, and timers that send signals: the kernel's, in real time."""
_MATTERS_NS = 1_000_000_000  # a jump by which dates of files may be wrong


class Slot(NamedTuple):
    """What a thread has noted: ``struct slot`` of ``scenario_time.c``.  Times are nanoseconds of the lab's clock.

    ``thread`` is its number in the PID namespace of its program's ``start``; ``turn`` changes with every wait;
    ``limits`` is what of its process nobody can shift, of :data:`SOCKETS` and :data:`TIMERS`.
    """

    number: int
    thread: int
    waits: bool
    start: int
    turn: int
    until: int
    alarm: int
    every: int
    limits: int


class ScenarioPage:
    """The page, in a file."""

    def __init__(self, file: Path) -> None:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o666)  # servers become users of their own
            os.ftruncate(descriptor, _SIZE)
            self._memory = mmap.mmap(descriptor, _SIZE)
            self._beginning: ctypes.c_char | None = ctypes.c_char.from_buffer(self._memory)
        finally:
            os.close(descriptor)
        self._jumps = self._offset = 0
        self._stamps = Stamps(file.with_name("stamp"))
        self._memory[: _HEADER.size] = _HEADER.pack(_MAGIC, SLOTS, 0, 0, 0)

    def close(self) -> None:
        """Let go of the memory; programs keep theirs."""
        self._beginning = None
        self._memory.close()
        self._stamps.close()

    @property
    def address(self) -> int:
        """Where it lies in this process's memory."""
        return ctypes.addressof(self._beginning) if self._beginning is not None else 0

    def shift(self, offset: int) -> None:
        """Set how many nanoseconds the lab's clock is ahead of the machine's.

        Files stamped up to now keep the date they had.  When there is no room for another entry, the last is changed.
        """
        date = self._stamps.later_ones_are_after(exactly=offset - self._offset >= _MATTERS_NS)
        self._offset = offset
        entry = min(self._jumps, _JUMPS - 1)
        place = _HISTORY_AT + entry * _JUMP.size
        self._memory[place : place + _JUMP.size] = _JUMP.pack(date, offset)
        self._jumps = entry + 1
        _WORD.pack_into(self._memory, _JUMPS_AT, self._jumps)
        _LONG.pack_into(self._memory, _OFFSET_AT, offset)

    def slots(self) -> Iterator[Slot]:
        """The slots that are taken, as they are now."""
        used = min(_WORD.unpack_from(self._memory, _USED_AT)[0], SLOTS)
        octets = self._memory[_HEADER.size : _HEADER.size + used * _SLOT.size]
        for number, slot in enumerate(_SLOT.iter_unpack(octets)):
            thread, state, start, count, until, alarm, every, limits, taken = slot
            if taken and thread:
                yield Slot(number, thread, state == _WAITS, start, count, until, alarm, every, limits)

    def free(self, slot: Slot) -> None:
        """Give back the slot of a thread that is gone."""
        place = _HEADER.size + slot.number * _SLOT.size
        self._memory[place : place + _TAKEN_AT] = bytes(_TAKEN_AT)
        _WORD.pack_into(self._memory, place + _TAKEN_AT, 0)

    def set_alarm(self, slot: Slot, due: int) -> None:
        """When a process is sent SIGALRM next; 0 for never."""
        _LONG.pack_into(self._memory, _HEADER.size + slot.number * _SLOT.size + _ALARM_AT, due)
