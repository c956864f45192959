"""Forwarding: connections from the machine's own loopback, carried on into the lab by the lab's own process.

A socket belongs to the network it was made in.  So one made before the lab leaves the machine's network goes on
listening there, and what it accepts is connected inside from an address of the lab.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

from testbed.errors import UsageError, reason

HOME = "127.0.0.1"
_PIECE = 65_536
_BACKLOG = 64


class Doors:
    """Sockets of the machine's network, made while it is still there: some bound, ``spare`` ones to be bound later."""

    def __init__(self, spare: int) -> None:
        self._spare = [_socket() for _ in range(spare)]

    def open_at(self, port: int) -> socket.socket:
        """Listen on a port of the machine's loopback.  Raises UsageError."""
        door = _socket()
        try:
            door.bind((HOME, port))
            door.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            door.close()
            raise UsageError(f"port {port} of {HOME} cannot be listened on: {reason(error)}; name another") from error
        return door

    def open_near(self, ports: list[int]) -> socket.socket | None:
        """Listen on the first port that is free, else on any; None when no spare socket is left."""
        if not self._spare:
            return None
        door = self._spare.pop()
        for port in (*ports, 0):
            try:
                door.bind((HOME, port))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
            else:
                door.listen(_BACKLOG)
                return door
        return None

    def close(self) -> None:
        """Close what is still spare."""
        for door in self._spare:
            door.close()
        self._spare.clear()


async def carry(
    door: socket.socket, address: str, port: int, source: str, on_visit: Callable[[str], None]
) -> asyncio.Server:
    """Carry every connection to a door on to an address inside, from ``source``; ``on_visit`` hears of each."""

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner = await asyncio.open_connection(address, port, local_addr=(source, 0))
        except OSError as error:
            on_visit(reason(error))
            writer.transport.abort()
            return
        on_visit("")
        try:
            await asyncio.gather(_pump(reader, inner[1]), _pump(inner[0], writer))
        finally:
            for end in (writer, inner[1]):
                end.close()

    return await asyncio.start_server(visit, sock=door)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction; the end of one is passed on as the end of the other, a reset as a reset."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        with contextlib.suppress(OSError):
            writer.transport.abort()


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setblocking(False)
    return made
