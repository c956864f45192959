"""Forwarding: connections from the machine's own loopback, carried on into the lab by the lab's own process.

A socket belongs to the network it was made in.  So one made before the lab leaves the machine's network goes on
listening there, and what it accepts is connected inside from an address of the lab.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from collections.abc import Callable

from testbed.errors import UsageError, reason
from testbed.reset import reset
from testbed.tasks import HeldTasks

HOME = "127.0.0.1"
_PIECE = 65_536
_BACKLOG = 1_024
_AT_ONCE = 64  # visitors accepted in one turn of the loop
_MOST_FILES = 16_384  # more than that some programs, which close every descriptor there could be, take long over
_FILES_A_VISIT = 4  # of which one is for the server inside, and one to spare


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
        for port in (*ports, 0):
            if not self._spare:
                break
            door = self._spare.pop()
            try:
                door.bind((HOME, port))
            except OSError as error:
                self._spare.append(door)
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            try:
                door.listen(_BACKLOG)
            except OSError:  # somebody who was bound there, too, has begun to listen meanwhile
                door.close()
            else:
                return door
        return None

    def close(self) -> None:
        """Close what is still spare."""
        for door in self._spare:
            door.close()
        self._spare.clear()


class Corridors:
    """Carry every connection to a door on to an address inside.

    There are never so many at once that the process has no file descriptors left for other things.
    """

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._visits = HeldTasks()
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = min(_MOST_FILES, hard) if hard != resource.RLIM_INFINITY else _MOST_FILES
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        self._most = files // _FILES_A_VISIT

    async def open(
        self, door: socket.socket, address: str, port: int, source: str, on_visit: Callable[[str], None]
    ) -> None:
        """Connect whoever comes to a door to an address inside, from ``source``; ``on_visit`` hears of each."""

        def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(self._visits) < self._most:
                self._visits.start(_visit(reader, writer, address, port, source, on_visit))
            else:
                on_visit("too many are there at once")
                reset(writer.transport)

        self._servers.append(await asyncio.start_server(enter, sock=door, backlog=_AT_ONCE))
        door.listen(_BACKLOG)  # asyncio takes its own backlog for how many to accept in one turn, too

    async def close(self) -> None:
        """Close the doors, and end what goes on behind them."""
        for server in self._servers:
            server.close()
        await self._visits.stop()


async def _visit(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    address: str,
    port: int,
    source: str,
    on_visit: Callable[[str], None],
) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection(address, port, local_addr=(source, 0))
    except OSError as error:
        on_visit(reason(error))
        writer.transport.abort()
        return
    on_visit("")
    try:
        async with asyncio.TaskGroup() as directions:
            directions.create_task(_pump(reader, inner_writer))
            directions.create_task(_pump(inner_reader, writer))
    except* OSError:  # one end was reset, and nobody is left to hear the other
        for end in (writer, inner_writer):
            reset(end.transport)
    finally:
        for end in (writer, inner_writer):
            end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction; the end of one is passed on as the end of the other.  Raises OSError after a reset."""
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setblocking(False)
    return made
