"""Commands sent in one go, then their replies in order (RFC 2920)."""

from __future__ import annotations

import asyncio
from typing import cast

import aiosmtplib
from aiosmtplib.errors import SMTPReadTimeoutError, SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import normalize_message_line_endings

from testbed.protocols.smtp import parse_reply_line

_MAX_REPLY = 32_768  # octets, all lines of one reply
LONE_DOT = b".\r\n"

Answer = tuple[int, str]
"""Code and text of a reply."""


def mail_data(content: bytes) -> bytes:
    """The octets of a message as they follow 354: dots stuffed, and a lone dot at the end (RFC 5321 §4.5.2)."""
    ends = content.count(b"\r\n")
    if not ends == content.count(b"\r") == content.count(b"\n") or not content.endswith(b"\r\n"):
        content = normalize_message_line_endings(content)  # looks at every line, which takes long over a large message
    content = content.replace(b"\r\n.", b"\r\n..")
    return (b"." + content if content.startswith(b".") else content) + LONE_DOT


class Pipeline(asyncio.Protocol):
    """A connection taken over from aiosmtplib, which drops what comes behind the reply it waits for.

    It is taken in a ``with`` block, and given back at its end.
    """

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        owner = client.protocol
        if owner is None or not owner.is_connected:
            raise SMTPServerDisconnected("Connection lost")
        self._owner = owner
        self._transport = cast(asyncio.Transport, owner.transport)
        self._buffer = bytearray()
        self._news = asyncio.Event()
        self._ended = False
        self._cause: Exception | None = None

    def __enter__(self) -> Pipeline:
        self.take_over()
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def take_over(self) -> None:
        """Hear what the server says."""
        self._transport.set_protocol(self)

    def give_back(self) -> None:
        """Let aiosmtplib hear it again."""
        self._transport.set_protocol(self._owner)

    @property
    def silent(self) -> bool:
        """Whether the server has said nothing that was not asked for, and has not closed the connection."""
        return not self._buffer and not self._ended

    def write(self, octets: bytes) -> None:
        """Send at once."""
        self._transport.write(octets)

    async def reply(self, timeout: float | None) -> Answer:
        """The next reply; ``timeout`` in seconds, None for none, begins with this call.  Raises SMTPException."""
        try:
            async with asyncio.timeout(timeout):
                while (reply := self._whole_reply()) is None:
                    if self._ended:
                        raise SMTPServerDisconnected("Connection lost") from self._cause
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as late:
            raise SMTPReadTimeoutError("Timed out waiting for server response") from late
        return reply

    def _whole_reply(self) -> Answer | None:
        texts: list[str] = []
        at = 0
        while (end := self._buffer.find(b"\n", at)) >= 0:
            line = parse_reply_line(bytes(self._buffer[at:end]).rstrip(b"\r"))
            if line is None:
                raise SMTPResponseException(-1, "a line that is no SMTP reply")
            texts.append(line.text)
            at = end + 1
            if line.last:
                del self._buffer[:at]
                return int(line.code), "\n".join(texts)
        if len(self._buffer) > _MAX_REPLY:
            raise SMTPResponseException(-1, "a reply without end")
        return None

    # -- what asyncio calls ---------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._news.set()

    def eof_received(self) -> bool:
        self._ended = True
        self._news.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._cause = exc
        self.eof_received()
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()
