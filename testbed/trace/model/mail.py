"""What a message says of itself, and that it was read."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.protocols.attachments import AttachedFile
from testbed.protocols.received import Received


@dataclass(frozen=True, slots=True)
class Letter:
    """The fields of a message that people know it by, decoded and safe to show, and the files that go with it.

    ``""`` is in the place of what it does not say, or what the capture does not hold.
    """

    message_id: str = ""
    subject: str = ""
    author: str = ""  # From
    date: str = ""
    received: tuple[Received, ...] = ()
    files: tuple[AttachedFile, ...] = ()
    octets: int = 0  # of the message, as far as the capture holds it
    holed: bool = False


NO_LETTER = Letter()


@dataclass(frozen=True, slots=True)
class ReadMail:
    """A message that POP3 or IMAP carried.

    ``command`` is RETR, TOP, FETCH or APPEND, ``pushed`` tells that the client sent it.  One that is not ``whole`` was
    cut off, is a part the client asked for, or has a hole.
    """

    letter: Letter
    command: str
    pushed: bool
    whole: bool
    frames: tuple[int, ...]
