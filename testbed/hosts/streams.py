"""The two streams of a connection, and new ones where TLS begins: what came in clear is never read behind it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

_CHUNK = 65_536


async def begin_tls(
    writer: asyncio.StreamWriter,
    context: ssl.SSLContext,
    *,
    timeout_s: float,
    server_hostname: str | None = None,
    reader: asyncio.StreamReader | None = None,
    owner: asyncio.Protocol | None = None,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Do the handshake on a connection, and give the streams through TLS.

    With ``server_hostname`` it is the client's side, else the server's.  What waits to be read in the old reader is
    left there (RFC 3207 §4.2, RFC 3501 §6.2.1, RFC 2595 §4); ``reader`` is the new one, one of asyncio's when none is
    given.  ``owner`` goes on hearing of the end of the connection.  Raises OSError; the connection is closed then.
    """
    reader = reader or asyncio.StreamReader(limit=_CHUNK)
    protocol = _Secured(reader, writer, owner)
    await writer.drain()
    loop = asyncio.get_running_loop()
    secured = await loop.start_tls(
        writer.transport,
        protocol,
        context,
        server_side=server_hostname is None,
        server_hostname=server_hostname,
        ssl_handshake_timeout=timeout_s,
    )
    assert secured is not None
    protocol.connection_made(secured)
    return reader, asyncio.StreamWriter(secured, protocol, reader, loop)


class _Secured(asyncio.StreamReaderProtocol):
    """What stands behind the new streams.  It keeps the old writer, which would close the connection when it goes."""

    def __init__(
        self, reader: asyncio.StreamReader, before: asyncio.StreamWriter, owner: asyncio.Protocol | None
    ) -> None:
        super().__init__(reader)
        self.before = before
        self.owner = owner

    def eof_received(self) -> bool:
        super().eof_received()
        return False  # asyncio's TLS cannot be half closed

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.owner is not None:
            self.owner.connection_lost(exc)


class OpenStreams(asyncio.StreamReaderProtocol):
    """Stands between a protocol of a library and asyncio, and hands the library streams that can be exchanged.

    A subclass names the library's class first: ``class Server(Library, OpenStreams)``.  ``reader`` and ``writer`` are
    the streams in use, from :meth:`connection_made` on.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __init__(
        self,
        stream_reader: asyncio.StreamReader,
        client_connected_cb: Callable[[object, object], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.reader, self.writer = reader, writer
            client_connected_cb(_Reading(self), _Writing(self))

        super().__init__(stream_reader, connected, loop)


class _Reading:
    """The reader in use, as far as a server of lines asks for it.  It lets others have their turn."""

    def __init__(self, streams: OpenStreams) -> None:
        self._streams = streams

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        await asyncio.sleep(0)  # a reader that has the next line does not wait
        try:
            return await self._streams.reader.readuntil(separator)
        except asyncio.IncompleteReadError:
            raise asyncio.CancelledError from None  # by which aiosmtpd knows that nothing more comes

    async def readline(self) -> bytes:
        return await self._streams.reader.readline()

    async def read(self, n: int = -1) -> bytes:
        return await self._streams.reader.read(n)


class _Writing:
    """The writer in use."""

    def __init__(self, streams: OpenStreams) -> None:
        self._streams = streams

    def write(self, data: bytes) -> None:
        self._streams.writer.write(data)

    async def drain(self) -> None:
        await self._streams.writer.drain()

    def close(self) -> None:
        self._streams.writer.close()
