"""The octets of a message as they come after DATA (RFC 5321 §4.1.1.4, §4.5.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

MAX_MESSAGE_OCTETS = 52_428_800


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
    while True:
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
            refusal = refusal or "500 5.5.2 Line too long (RFC 5321 section 4.5.3.1.6)"
        elif octets > MAX_MESSAGE_OCTETS:
            refusal = refusal or "552 5.3.4 Message too big"
        if refusal:
            lines.clear()
        else:
            lines.append(line[1:] if line.startswith(b".") else line)
        at_line_start = whole
