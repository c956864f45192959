"""What the clients of POP3 and IMAP share: lines over a connection, and what can go wrong with them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import ClassVar, Self

from testbed.errors import reason
from testbed.hosts.sending.results import handshake_result
from testbed.hosts.site import Site
from testbed.hosts.streams import begin_tls
from testbed.scenario.steps import ReadingSecurity

PATIENCE_S = 300.0  # scenario time to wait for a connection, and for each reply; no RFC says how long
_MAX_LINE = 1_000_000  # the UIDs that a search in a large folder finds stand on one


class ReadingFailed(Exception):
    """Reading ended here; the message says why, in the server's own words where it gave any."""


class CommandRefused(ReadingFailed):
    """The server said no; the session can go on.  ``said`` are its words, ``to`` is what it said them to."""

    def __init__(self, said: str, to: str) -> None:
        super().__init__(f"{said} (in reply to {to})")
        self.said = said


class Untrusted(ReadingFailed):
    """The TLS handshake failed: the server is not who it should be, or there is no telling."""


class ReplyTimeout(ReadingFailed):
    """Nothing came for too long."""


class LineConnection:
    """A connection of lines that end with CRLF.  Whatever breaks it raises ReadingFailed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_s: float) -> None:
        self._reader = reader
        self._writer = writer
        self._patience_s = patience_s

    @classmethod
    async def open(cls, site: Site, address: str, port: int, patience_s: float) -> LineConnection:
        """Connect from the host's own address."""
        source = site.source_for(address)
        local = (source, 0) if source else None
        try:
            async with asyncio.timeout(patience_s):
                streams = await asyncio.open_connection(address, port, local_addr=local, limit=_MAX_LINE)
        except TimeoutError:
            raise ReadingFailed("no answer to the connection attempt") from None
        except OSError as error:
            raise ReadingFailed(reason(error)) from error
        return cls(*streams, patience_s)

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self._writer.write(octets)

    async def line(self, patience_s: float | None = None) -> bytes:
        """The next line, without its end.  Raises ReplyTimeout when none comes for so long."""
        wait_s = self._patience_s if patience_s is None else patience_s
        return (await self._awaited(self._reader.readuntil(b"\n"), wait_s)).rstrip(b"\r\n")

    async def exactly(self, octets: int) -> bytes:
        """The next octets."""
        return await self._awaited(self._reader.readexactly(octets), self._patience_s)

    async def begin_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Encrypt from here on; ``host`` is whom the certificate must name.  What came in clear is forgotten."""
        try:
            self._reader, self._writer = await begin_tls(
                self._writer, context, server_hostname=host, timeout_s=self._patience_s
            )
        except ssl.SSLError as error:
            raise Untrusted(handshake_result(error).text) from error
        except TimeoutError as error:  # asyncio's is a ConnectionAbortedError, and says so itself
            raise ReadingFailed("the TLS handshake did not end") from error
        except OSError as error:
            raise ReadingFailed(f"the TLS handshake failed: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    async def _awaited(self, reading: Coroutine[None, None, bytes], patience_s: float) -> bytes:
        try:
            async with asyncio.timeout(patience_s):
                return await reading
        except TimeoutError:
            raise ReplyTimeout(f"no reply within {patience_s:.0f} s") from None
        except asyncio.LimitOverrunError:
            raise ReadingFailed("the server sent a line without end") from None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ReadingFailed("the connection was lost") from error


class ReadingClient:
    """One session with a mailbox server.  Every refusal and every broken connection raises ReadingFailed."""

    PORT: ClassVar[int]
    TLS_PORT: ClassVar[int]  # where TLS comes first (RFC 8314 §3)

    def __init__(self, connection: LineConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(
        cls,
        site: Site,
        host: str,
        address: str,
        tls: ReadingSecurity = "none",
        port: int | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Self:
        """Connect, begin TLS where it is wanted, with a good certificate or not at all; wait for the greeting."""
        if tls != "none" and site.tls is None:
            raise ReadingFailed("there is no TLS in this lab")
        context = site.tls.authority.client(checks=True) if site.tls is not None else None
        port = port or (cls.TLS_PORT if tls == "implicit" else cls.PORT)
        client = cls(await LineConnection.open(site, address, port, patience_s))
        try:
            if tls == "implicit" and context is not None:
                await client._connection.begin_tls(context, host)
            await client.greeted()
            if tls == "starttls" and context is not None:
                await client.ask_for_tls()
                await client._connection.begin_tls(context, host)
        except ReadingFailed:
            client.drop()
            raise
        return client

    async def greeted(self) -> None:
        """Wait for the greeting."""
        raise NotImplementedError

    async def ask_for_tls(self) -> None:
        """Say that TLS is to begin."""
        raise NotImplementedError

    async def say_goodbye(self) -> None:
        """End the session as the protocol has it."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Say goodbye, then close."""
        try:
            await self.say_goodbye()
        finally:
            self.drop()

    def drop(self) -> None:
        """Close without a word."""
        self._connection.close()
