"""Messages as octets, for whoever asks a dialogue for them, and as letters; a normal analysis keeps no octets."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from msgspec import Struct

from testbed.trace.flows import CLIENT
from testbed.trace.model.mail import ReadMail
from testbed.trace.services.letters import LetterReader

MOST_OCTETS = 256 << 20
"""Of one message; what goes beyond is counted and not kept."""


class Message(Struct, frozen=True):
    """A message that crossed the wire, as the receiver of its protocol would have it (dots unstuffed, chunks joined).

    ``command`` is what carried it: DATA, BDAT, RETR, TOP, FETCH or APPEND; ``side`` is that of its sender.  ``missing``
    counts the octets known to be missing: holes in the capture, and what was too much to keep.  A message that is not
    ``complete`` with nothing ``missing`` was cut off by somebody, or is a part the client asked for (``BODY[]<0>``).
    ``frames`` are its first and last.
    """

    command: str
    side: int
    octets: bytes
    complete: bool
    missing: int
    frames: tuple[int, ...]


_MOST_READ = 100_000  # messages of a connection

OnMessage = Callable[[Message], None]


class MessageKeeper:
    """Keeps one message at a time while its octets go by; does nothing when nobody asked for messages.

    One that ``reads`` gives what the messages say of themselves, too.
    """

    def __init__(self, on_message: OnMessage | None, side: int, *, reads: bool = False) -> None:
        self._on_message = on_message
        self._side = side
        self._reads = reads
        self._letter: LetterReader | None = None
        self._read: list[ReadMail] = []
        self._told = 0
        self._buffer: BytesIO | None = None
        self._command = ""
        self._missing = 0
        self._first = self._last = 0
        self._part = False

    @property
    def keeps(self) -> bool:
        """Whether a message is on its way."""
        return self._buffer is not None or self._letter is not None

    def begin(self, command: str, *, part: bool = False) -> None:
        """A message begins; one still on its way is cut off.  ``part`` tells that only a part was asked for."""
        self.end(complete=False)
        if self._on_message is not None:
            self._buffer = BytesIO()
        if self._reads and self._told < _MOST_READ:
            self._letter = LetterReader()
        self._command, self._part = command, part
        self._missing = self._first = self._last = 0

    def add(self, octets: bytes, frames: tuple[int, ...]) -> None:
        """Its next octets."""
        if not self.keeps:
            return
        if self._letter is not None:
            self._letter.add(octets)
        if self._buffer is not None:
            fitting = max(0, min(len(octets), MOST_OCTETS - self._buffer.tell()))
            self._buffer.write(octets if fitting == len(octets) else octets[:fitting])
            self._missing += len(octets) - fitting
        if frames:
            self._first, self._last = self._first or frames[0], frames[-1]

    def read(self) -> tuple[ReadMail, ...]:
        """What has been read since it was last asked."""
        read, self._read = tuple(self._read), []
        return read

    def hole(self, octets: int) -> None:
        """Octets of it that the capture does not hold."""
        self._missing += octets
        if self._letter is not None:
            self._letter.hole()

    def position(self) -> int:
        """How many octets are kept so far."""
        return self._buffer.tell() if self._buffer is not None else 0

    def drop(self) -> None:
        """It was announced and never sent."""
        self._buffer = self._letter = None

    def end(self, *, complete: bool, position: int | None = None) -> None:
        """It is over; ``position`` tells that it was over there already."""
        letter, buffer = self._letter, self._buffer
        self._letter = self._buffer = None
        complete = complete and not self._missing and not self._part
        frames = tuple(dict.fromkeys((self._first, self._last))) if self._first else ()
        if letter is not None:
            pushed, whole = self._side == CLIENT, complete and self._command != "TOP"
            self._read.append(ReadMail(letter.letter(), self._command, pushed, whole, frames))
            self._told += 1
        if buffer is None or self._on_message is None:
            return
        if position is not None:
            buffer.truncate(position)
        self._on_message(Message(self._command, self._side, buffer.getvalue(), complete, self._missing, frames))
