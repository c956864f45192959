"""The octets of a message as they come after DATA (RFC 5321 §4.1.1.4, §4.5.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

MAX_MESSAGE_OCTETS = 52_428_800
MAX_LINE_OCTETS = 1_000  # CRLF included, a stuffed dot not (RFC 5321 §4.5.3.1.6)

_TURN_LINES = 256  # after so many, others have their turn: a reader that has the next line does not wait

_TOO_LONG = "500 5.5.2 Line too long (RFC 5321 section 4.5.3.1.6)"
TOO_BIG = "552 5.3.4 Message too big"
_BARE = "550 5.6.0 Bare CR or LF in the message (RFC 5321 section 2.3.8)"


def refusal_of_line(line: bytes) -> str:
    """Why a whole line of mail data is not taken, as a reply, or ``""``.

    Mail with a bare CR or LF is refused, not mended: servers disagree on where its lines end, which is what SMTP
    smuggling lives on, and mending it would break its signatures.
    """
    if len(line) - line.startswith(b".") > MAX_LINE_OCTETS:
        return _TOO_LONG
    text = line[:-2]
    return _BARE if b"\r" in text or b"\n" in text else ""


def refusal_of_text(content: bytes) -> str:
    """The same of a whole message whose dots are not stuffed."""
    lines = content.removesuffix(b"\r\n").split(b"\r\n")
    return next(filter(None, (refusal_of_line(b"." * line.startswith(b".") + line + b"\r\n") for line in lines)), "")


def body_digest(message: bytes) -> str:
    """SHA-256 of what comes behind the first empty line, in hexadecimal; trace headers on top do not change it."""
    return sha256(message.partition(b"\r\n\r\n")[2]).hexdigest()


async def read_message(
    reader: asyncio.StreamReader,
    keep_alive: Callable[[], None],
    passed: Callable[[int], Awaitable[None]] | None = None,
) -> tuple[bytes, str]:
    """The octets up to the lone dot, dots unstuffed, and the reply that refuses them or ``""``.

    A line ends at CRLF and nowhere else, so no bare CR or LF can smuggle an end of data (RFC 5321 §2.3.8).
    Past a limit the rest is read and thrown away, so memory stays bounded.  ``keep_alive`` is called for every line,
    ``passed`` with the number of its octets, unless it is the final dot.
    """
    lines: list[bytes] = []
    octets = 0
    refusal = ""
    at_line_start = True
    number = 0
    while True:
        number += 1
        if number % _TURN_LINES == 0:
            await asyncio.sleep(0)
        try:
            line = await reader.readuntil(b"\r\n")
            whole = True
        except asyncio.LimitOverrunError as overrun:
            line = await reader.read(overrun.consumed)
            whole = False
        keep_alive()
        if at_line_start and whole and line == b".\r\n":
            return b"".join(lines), refusal
        octets += len(line)
        if passed is not None:
            await passed(len(line))
        if not (whole and at_line_start):
            refusal = refusal or _TOO_LONG
        elif octets > MAX_MESSAGE_OCTETS:
            refusal = refusal or TOO_BIG
        else:
            refusal = refusal or refusal_of_line(line)
        if refusal:
            lines.clear()
        else:
            lines.append(line[1:] if line.startswith(b".") else line)
        at_line_start = whole
