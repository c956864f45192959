"""What a message says of itself, and that it was read."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from testbed.protocols.attachments import AttachedFile
from testbed.protocols.header import header_field
from testbed.protocols.received import Received, received


class Letter(Struct, frozen=True, dict=True):
    """What a message says of itself: the fields people know it by, decoded and safe to show, and the files with it.

    Fields are read when they are asked for, as few are; ``""`` is in the place of what it does not say, or what the
    capture does not hold.  ``header`` and ``octets`` are what the capture holds of it; ``headed`` tells that this
    is the whole header.
    """

    header: bytes = b""
    files: tuple[AttachedFile, ...] = ()
    octets: int = 0
    holed: bool = False
    headed: bool = False

    @cached_property
    def message_id(self) -> str:
        """Its Message-ID."""
        return header_field(self.header, "Message-ID")

    @cached_property
    def subject(self) -> str:
        """Its Subject."""
        return header_field(self.header, "Subject")

    @cached_property
    def author(self) -> str:
        """Its From."""
        return header_field(self.header, "From")

    @cached_property
    def date(self) -> str:
        """Its Date."""
        return header_field(self.header, "Date")

    @cached_property
    def received(self) -> tuple[Received, ...]:
        """What the hosts it came through have written on top of it."""
        return received(self.header)


NO_LETTER = Letter()


class ReadMail(Struct, frozen=True):
    """A message that POP3 or IMAP carried.

    ``command`` is RETR, TOP, FETCH or APPEND, ``pushed`` tells that the client sent it.  One that is not ``whole`` was
    cut off, is a part the client asked for, or has a hole.
    """

    letter: Letter
    command: str
    pushed: bool
    whole: bool
    frames: tuple[int, ...]
