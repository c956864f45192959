"""A message that comes in chunks (RFC 3030)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from testbed.hosts.smtp.message_data import TOO_BIG, refusal_of_text

_PIECE = 65_536  # octets read at a time


class Chunks:
    """The chunks of one message, ``most`` octets in all; past that they are read and thrown away."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: list[bytes] = []
        self._octets = 0
        self._too_big = False

    async def read(
        self,
        reader: asyncio.StreamReader,
        octets: int,
        keep_alive: Callable[[], None],
        passed: Callable[[int], Awaitable[None]],
    ) -> None:
        """Read one chunk, whatever is in it.  Raises CancelledError where nothing more comes.

        ``keep_alive`` is called for every piece, ``passed`` with the number of its octets.
        """
        while octets:
            piece = await reader.read(min(octets, _PIECE))
            if not piece:
                raise asyncio.CancelledError
            keep_alive()
            octets -= len(piece)
            await passed(len(piece))
            self._octets += len(piece)
            self._too_big = self._too_big or self._octets > self._most
            if self._too_big:
                self._pieces.clear()
            else:
                self._pieces.append(piece)

    @property
    def refusal(self) -> str:
        """Why the message so far is not taken, as a reply, or ``""``."""
        return TOO_BIG if self._too_big else ""

    def message(self) -> tuple[bytes, str]:
        """The whole message, and the reply that refuses it or ``""``.

        It is text, as BINARYMIME is not offered (RFC 3030 §3), and text ends with CRLF.
        """
        content = b"".join(self._pieces)
        if content and not content.endswith(b"\r\n"):
            content += b"\r\n"
        return content, self.refusal or refusal_of_text(content)
