"""The mbox format (RFC 4155): messages one behind another in a file, each behind a line that begins with ``From ``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

_FROM = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From (?P<sender>\S*)[^\n]*\n")
_LENGTH = re.compile(rb"(?im)^Content-Length:[ \t]*(\d{1,10})[ \t]*\r?$")
_QUOTED = re.compile(rb"(?m)^>+(?=From )")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class MboxMessage(Struct, frozen=True):
    """A message as it lies there, quoted lines included, without the empty line behind it.

    ``sender`` is what the line before it says.
    """

    sender: str
    octets: bytes


def without_quotes(text: bytes) -> bytes:
    """A text without the ``>`` in front of ``From `` at the beginning of lines.

    How many there were before it was put into a file nobody can tell: ``mboxrd`` adds one to each such line, ``mboxo``
    to those without, ``mboxcl2`` to none, and files do not say which of them they are.  So texts are compared without.
    """
    return _QUOTED.sub(b"", text)


def read_mbox(octets: bytes) -> Iterator[MboxMessage]:
    """The messages of a file, in their order.  What lies before the first ``From `` line is none.

    A Content-Length is believed where a message ends after so many octets.
    """
    begun = _FROM.search(octets)
    while begun is not None:
        end = _end_by_length(octets, begun.end())
        following = _FROM.search(octets, begun.end() if end is None else end)
        end = len(octets) if following is None else following.start()
        message = octets[begun.end() : end]
        yield MboxMessage(begun["sender"].decode("latin-1").strip("<>"), _without_last_line(message))
        begun = following


def _end_by_length(octets: bytes, start: int) -> int | None:
    """Where the body of a message ends that says how long it is; None where nothing begins there."""
    head_end = _HEAD_END.search(octets, start)
    found = _LENGTH.search(octets, start, head_end.end()) if head_end is not None else None
    if head_end is None or found is None:
        return None
    end = head_end.end() + int(found[1])
    rest = octets[end : end + 7].lstrip(b"\r\n")
    return end if end <= len(octets) and (not rest or rest.startswith(b"From ")) else None


def _without_last_line(message: bytes) -> bytes:
    for end in (b"\r\n", b"\n"):
        if message.endswith(end * 2):
            return message[: -len(end)]
    return message
