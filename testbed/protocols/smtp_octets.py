"""The octets of an SMTP or LMTP connection, in parts: what a client says, and what its server replies (RFC 5321, 3030).

Who stands between the two passes each part on as it is, or not at all: all parts together are the octets that came.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from testbed.protocols.esmtp import BadParameter, chunk_parameters
from testbed.protocols.smtp import parse_reply_line
from testbed.protocols.text import decoded

_LONGEST = 8_192  # octets of a line that are kept until it ends
FINAL_DOT = b".\r\n"
_FINAL_DOT = b"\r\n" + FINAL_DOT


class Command(Struct, frozen=True):
    """A line that asks for something; the verb is in upper case.  Behind BDAT a ``chunk`` of so many octets follows."""

    octets: bytes
    verb: str
    argument: str
    chunk: int = 0
    begins_last_chunk: bool = False


class Response(Struct, frozen=True):
    """A line that answers a challenge of AUTH (RFC 4954 §4)."""

    octets: bytes


class Fragment(Struct, frozen=True):
    """The beginning of a line that is too long to be kept."""

    octets: bytes


class Content(Struct, frozen=True):
    """Octets of a message, as they come: with stuffed dots behind DATA, without behind BDAT."""

    octets: bytes


class End(Struct, frozen=True):
    """The last octets of a message, without which a server does not take it.

    The line of the final dot; the last octet of the last chunk; the line ``BDAT 0 LAST``.
    """

    octets: bytes


Part = Command | Response | Fragment | Content | End


class ClientOctets:
    """Takes in what a client says, and gives it back in parts."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._in_message = self._in_response = False
        self._before = b""  # the last two octets of the message so far
        self._chunk = 0  # octets of it to come
        self._is_last = False

    @property
    def in_message(self) -> bool:
        """Whether what comes next is mail."""
        return self._in_message or self._chunk > 0

    def feed(self, octets: bytes) -> None:
        """More has come."""
        self._waiting += octets

    def begin_message(self) -> None:
        """What comes next is a message behind DATA."""
        self._in_message, self._before = True, b"\r\n"

    def end_message(self) -> None:
        """What comes next is no message."""
        self._in_message, self._chunk = False, 0

    def begin_response(self) -> None:
        """The next line is the answer to a challenge."""
        self._in_response = True

    @property
    def rest(self) -> bytes:
        """What waits, whatever it is."""
        return bytes(self._waiting)

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def take(self) -> Part | None:
        """The next part; None while more must come."""
        if not self._waiting:
            return None
        if self._in_message:
            return self._text()
        return self._piece_of_chunk() if self._chunk else self._line()

    def _cut(self, octets: int) -> bytes:
        found = bytes(self._waiting[:octets])
        del self._waiting[:octets]
        return found

    def _line(self) -> Part | None:
        end = self._waiting.find(b"\n") + 1
        if not end:
            return Fragment(self._cut(_LONGEST)) if len(self._waiting) > _LONGEST else None
        octets = self._cut(end)
        if self._in_response:
            self._in_response = False
            return Response(octets)
        verb, _, argument = decoded(octets.rstrip(b"\r\n")).partition(" ")
        command = Command(octets, verb.upper()[:64], argument.strip())
        return self._bdat(command) if command.verb == "BDAT" else command

    def _bdat(self, command: Command) -> Part:
        try:
            self._chunk, self._is_last = chunk_parameters(command.argument)
        except BadParameter:
            return command
        if self._is_last and not self._chunk:
            return End(command.octets)
        return replace(command, chunk=self._chunk, begins_last_chunk=self._is_last)

    def _piece_of_chunk(self) -> Part:
        if self._chunk == 1 and self._is_last:
            self._chunk = 0
            return End(self._cut(1))
        octets = self._cut(self._chunk - self._is_last)
        self._chunk -= len(octets)
        return Content(octets)

    def _text(self) -> Part | None:
        window = self._before + self._waiting
        end = window.find(_FINAL_DOT)
        inside = end + 2 if end >= 0 else len(window) - _held_back(window)
        octets = self._cut(inside - len(self._before))
        if octets:
            self._before = (self._before + octets)[-2:]
            return Content(octets)
        if end < 0:
            return None
        self._in_message = False
        return End(self._cut(len(FINAL_DOT)))


def _held_back(window: bytes | bytearray) -> int:
    """How many of the last octets may turn out to be the final dot."""
    return next((octets for octets in (2, 1) if window.endswith(_FINAL_DOT[: 2 + octets])), 0)


class ReplyOctets(Struct, frozen=True):
    """One reply, all its lines; ``code`` is that of the last, ``""`` for a line that is no reply."""

    octets: bytes
    code: str


class ServerOctets:
    """Takes in what a server says, and gives back whole replies."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._lines = 0  # octets of them that belong to a reply whose last line is to come

    def feed(self, octets: bytes) -> list[ReplyOctets]:
        """More has come: the replies that are whole now."""
        self._waiting += octets
        found: list[ReplyOctets] = []
        while (end := self._waiting.find(b"\n", self._lines) + 1) or len(self._waiting) - self._lines > _LONGEST:
            end = end or len(self._waiting)
            line = parse_reply_line(bytes(self._waiting[self._lines : end]).rstrip(b"\r\n"))
            self._lines = end
            if line is None or line.last:
                found.append(ReplyOctets(self.rest(end), line.code if line is not None else ""))
        return found

    def rest(self, octets: int | None = None) -> bytes:
        """Take out what has come of the next reply."""
        found = bytes(self._waiting[:octets])
        del self._waiting[:octets]
        self._lines = 0
        return found
