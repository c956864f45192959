"""Where lines and messages end, and clients that make the most of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import aiosmtplib
import pytest

from testbed.hosts.smtp import message_data
from testbed.hosts.smtp import server as smtp_server
from tests.lab.catalogue.group import Break

_LINE_END = "bare-line-feed refused-for-good smtp-smuggling"
_RETURN = "bare-carriage-return refused-for-good smtp-smuggling"
_ENDS = {
    "LF-.-LF": _LINE_END,
    "LF-.-CRLF": _LINE_END,
    "LF-.-CR": f"bare-carriage-return {_LINE_END}",
    "CR-.-LF": f"bare-carriage-return {_LINE_END}",
    "CR-.-CRLF": _RETURN,
    "CR-.-CR": _RETURN,
    "CRLF-.-LF": _LINE_END,
    "CRLF-.-CR": _RETURN,
    "CR-CRLF-.-CR-CRLF": _RETURN,
}

FINDINGS = {
    **{
        f"smuggling-{server}-{end}": codes for server in ("crepes.fr", "someschool.edu") for end, codes in _ENDS.items()
    },
    "bare-line-ends-crepes.fr-LF": "bare-line-feed refused-for-good",
    "bare-line-ends-crepes.fr-CR": "bare-carriage-return refused-for-good",
    "bare-line-ends-crepes.fr-CR-CRLF": "bare-carriage-return refused-for-good",
    "dot-stuffing-.": "",
    "dot-stuffing-..": "",
    "dot-stuffing-...": "",
    "dot-stuffing-.hidden": "",
    "dot-stuffing-.MAIL-FROM-root-crepes.fr": "",
    "end-of-data-in-pieces": "",
    "gone-in-mid-message-close": "message-cut-off",
    "gone-in-mid-message-half-close": "message-cut-off",
    "gone-in-mid-message-reset": "connection-reset message-cut-off",
    "header-of-a-megabyte": "window-closed?",
    "line-just-short-enough": "",
    "line-too-long-999": "refused-for-good text-line-too-long",
    "line-too-long-5000": "refused-for-good text-line-too-long",
    "line-too-long-1000000": "refused-for-good text-line-too-long",
    "odd-octets-NUL": "",
    "odd-octets-CRLF-NUL-.-CRLF": "",
    "odd-octets-é": "",
    "odd-octets-ÿþ": "",
    "silent-in-mid-message": "client-stalled message-cut-off",
}

KeepAlive = Callable[[], None]
Passed = Callable[[int], Awaitable[None]]
_ANY_END = re.compile(rb"(?:\r\n|\n|\r)\.(?:\r\n|\n|\r)\Z")


def ends_data_at_any_line_end(patch: pytest.MonkeyPatch) -> None:
    """A server that takes a dot between any two line ends for the end of data."""

    async def read(reader: asyncio.StreamReader, keep_alive: KeepAlive, passed: Passed) -> tuple[bytes, str]:
        content = b"\r\n"
        while not _ANY_END.search(content[-8:]):
            content += await reader.read(1)
        return _ANY_END.sub(b"\r\n", content)[2:], ""

    patch.setattr(smtp_server, "read_message", read)


def stores_half_a_message(patch: pytest.MonkeyPatch) -> None:
    """A server that delivers what it has got when the client goes away."""

    async def read(reader: asyncio.StreamReader, keep_alive: KeepAlive, passed: Passed) -> tuple[bytes, str]:
        lines = [b""]
        try:
            while lines[-1] != b".\r\n":
                lines.append(await reader.readuntil(b"\r\n"))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return b"".join(lines), ""
        return b"".join(lines[:-1]), ""

    patch.setattr(smtp_server, "read_message", read)


def _mangles(patch: pytest.MonkeyPatch, change: Callable[[bytes], bytes]) -> None:
    read = smtp_server.read_message

    async def mangled(reader: asyncio.StreamReader, keep_alive: KeepAlive, passed: Passed) -> tuple[bytes, str]:
        content, refusal = await read(reader, keep_alive, passed)
        return change(content), refusal

    patch.setattr(smtp_server, "read_message", mangled)


def keeps_stuffed_dots(patch: pytest.MonkeyPatch) -> None:
    """A server that does not take away the dots the client has put before lines."""
    _mangles(patch, lambda content: re.sub(rb"(?m)^\.", b"..", content))


def keeps_seven_bits(patch: pytest.MonkeyPatch) -> None:
    """A server that cuts off the eighth bit of every octet, and leaves NUL out."""
    _mangles(patch, lambda content: bytes(octet & 0x7F for octet in content if octet))


def takes_lines_of_any_length(patch: pytest.MonkeyPatch) -> None:
    """A server without a limit on lines."""
    patch.setattr(message_data, "_TOO_LONG", "")


def counts_the_stuffed_dot(patch: pytest.MonkeyPatch) -> None:
    """A server that counts the dot put before a line as a part of it."""
    patch.setattr(message_data, "MAX_LINE_OCTETS", 999)


def carries_bare_line_ends_on(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes mail with bare CR and LF, and says every octet of it to the next server."""
    patch.setattr(message_data, "refusal_of_line", lambda line: "")
    patch.setattr(aiosmtplib.protocol, "normalize_message_line_endings", lambda message: message)


def has_little_patience_with_headers(patch: pytest.MonkeyPatch) -> None:
    """A server that has no room for a long header."""
    patch.setattr(message_data, "MAX_MESSAGE_OCTETS", 65_536)


GUARDS: dict[str, Break] = {
    "bare-line-ends": carries_bare_line_ends_on,
    "dot-stuffing": keeps_stuffed_dots,
    "end-of-data-in-pieces": keeps_stuffed_dots,
    "gone-in-mid-message": stores_half_a_message,
    "header-of-a-megabyte": has_little_patience_with_headers,
    "line-just-short-enough": counts_the_stuffed_dot,
    "line-too-long": takes_lines_of_any_length,
    "odd-octets": keeps_seven_bits,
    "silent-in-mid-message": stores_half_a_message,
    "smuggling": ends_data_at_any_line_end,
}
