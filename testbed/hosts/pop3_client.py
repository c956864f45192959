"""A POP3 client (RFC 1939): what a user agent needs to pull its owner's mail."""

from __future__ import annotations

import ssl

from testbed.hosts.reading_client import LineConnection, ReadingFailed, Refused
from testbed.hosts.site import Site

PORT = 110


class Pop3Client:
    """One session.  Every refusal and every broken connection raises ReadingFailed."""

    def __init__(self, connection: LineConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, site: Site, host: str, address: str, tls: ssl.SSLContext | None = None) -> Pop3Client:
        """Connect, and wait for the greeting; with ``tls``, begin TLS."""
        connection = await LineConnection.open(site, address, PORT)
        client = cls(connection)
        try:
            await client._reply("the greeting")
            if tls is not None:
                await client._ask("STLS")
                await connection.begin_tls(tls, host)
        except ReadingFailed:
            client.drop()
            raise
        return client

    async def login(self, user: str, password: str) -> None:
        """USER and PASS."""
        await self._ask(f"USER {user}")
        await self._ask(f"PASS {password}", "PASS")

    async def messages(self) -> list[int]:
        """The numbers of the messages that are there."""
        await self._ask("LIST")
        return [int(line.split()[0]) for line in await self._lines() if line.split()[:1] and line.split()[0].isdigit()]

    async def retrieve(self, number: int) -> bytes:
        """A message, dots unstuffed."""
        await self._ask(f"RETR {number}")
        return b"".join(line + b"\r\n" for line in await self._lines())

    async def delete(self, number: int) -> None:
        """Mark a message; it is deleted once QUIT is said."""
        await self._ask(f"DELE {number}")

    async def quit(self) -> None:
        """QUIT, then close."""
        try:
            await self._ask("QUIT")
        finally:
            self.drop()

    def drop(self) -> None:
        """Close without a word."""
        self._connection.close()

    async def _ask(self, command: str, shown: str = "") -> None:
        self._connection.send(command.encode() + b"\r\n")
        await self._reply(shown or command)

    async def _reply(self, to: str) -> None:
        line = await self._connection.line()
        if not line.startswith(b"+OK"):
            raise Refused(f"{line.decode('utf-8', 'backslashreplace')} (in reply to {to})")

    async def _lines(self) -> list[bytes]:
        lines = []
        while (line := await self._connection.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines
