"""The TCP connections of a host, and their end by RST."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable, Coroutine

from testbed.reset import reset
from testbed.tasks import HeldTasks

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[object, object, None]]


class OpenConnections:
    """How to cut each connection of a host that is still open, for the day it crashes."""

    def __init__(self) -> None:
        self._cuts: dict[asyncio.BaseTransport, Callable[[], None]] = {}
        self._tasks = HeldTasks()

    def protocol(self, serve: Serve, reader: asyncio.StreamReader) -> asyncio.StreamReaderProtocol:
        """One connection's server side: ``serve`` runs in a task of its own, which a crash ends."""

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.add(writer.transport, self._tasks.start(serve(reader, writer)).cancel)

        return asyncio.StreamReaderProtocol(reader, connected)

    def add(self, transport: asyncio.BaseTransport, stop: Callable[[], object] = lambda: None) -> None:
        """Remember a connection.  ``stop`` ends what works on it."""
        self._cuts = {known: cut for known, cut in self._cuts.items() if not known.is_closing()}

        def cut() -> None:
            stop()
            reset(transport)

        self._cuts[transport] = cut

    def cut(self) -> None:
        """End them all at once."""
        cuts, self._cuts = self._cuts, {}
        for cut in cuts.values():
            cut()


def send_fin(writer: asyncio.StreamWriter) -> None:
    """Send FIN, and be able to read on; under TLS without a closing alert, behind which asyncio reads no more."""
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.get_extra_info("socket").shutdown(socket.SHUT_WR)


def unsent(transport: asyncio.BaseTransport) -> int:
    """How many octets the other end has not acknowledged, as far as the kernel has them (SIOCOUTQ)."""
    sock = transport.get_extra_info("socket")
    number: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return number
