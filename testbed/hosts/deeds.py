"""What ``then`` of a dialogue fault does to a connection, at servers and clients of every protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn, Protocol

from testbed.hosts.site import Site
from testbed.reset import reset
from testbed.scenario.faults import DialogueFault

_CHUNK = 65_536
_LAST_WORDS = ("QUIT", "LOGOUT")  # behind which a client that has sent FIN needs no answer
_AT_ONCE_S, _LONGEST_PATIENCE_S = 0.75, 3_600.0


class ConnectionEnd(Protocol):
    """What a deed may ask of one end of a connection."""

    async def read(self, octets: int) -> bytes:
        """Read and throw away up to so many octets, none at the end."""

    def be_patient(self) -> None:
        """Never close the connection for being idle."""

    def hang_up(self) -> None:
        """Close with FIN."""

    def reset(self) -> None:
        """Close with RST."""

    def crash(self, restart_ns: int | None) -> None:
        """The whole host crashes."""


Deed = Callable[[ConnectionEnd, DialogueFault], Awaitable[None]]


async def _close(connection: ConnectionEnd, fault: DialogueFault) -> None:
    connection.hang_up()


async def _reset(connection: ConnectionEnd, fault: DialogueFault) -> None:
    connection.reset()


async def _stall(connection: ConnectionEnd, fault: DialogueFault) -> None:
    """Read on, and never answer.

    Who has sent FIN by then, behind the last it had to say, waits for the answer all the same (RFC 1122 §4.2.2.13); who
    does so later has given up.
    """
    connection.be_patient()
    loop = asyncio.get_running_loop()
    since = loop.time()
    await read_on(connection)
    if loop.time() - since < _AT_ONCE_S and not fault.on.endswith(_LAST_WORDS):
        await asyncio.sleep(_LONGEST_PATIENCE_S)


async def _crash(connection: ConnectionEnd, fault: DialogueFault) -> None:
    connection.crash(fault.restart)
    await for_ever()


async def read_on(connection: ConnectionEnd) -> None:
    """Read and throw away what comes, to the end."""
    while await connection.read(_CHUNK):
        pass


async def for_ever() -> None:
    """Wait until somebody cancels it."""
    await asyncio.get_running_loop().create_future()


DEEDS: Mapping[str | None, Deed] = {"close": _close, "reset": _reset, "stall": _stall, "crash": _crash}


class ServerEndpoint:
    """The server's end of a connection made of streams."""

    def __init__(self, site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._site = site
        self._reader = reader
        self._writer = writer

    async def end(self, fault: DialogueFault) -> NoReturn:
        """Do what a fault with ``then`` wants; raises ConnectionError once that is over."""
        await DEEDS[fault.then](self, fault)
        raise ConnectionAbortedError(fault.describe())

    async def read(self, octets: int) -> bytes:
        """Read up to so many octets, none at the end."""
        return await self._reader.read(octets)

    def be_patient(self) -> None:
        """It has no timer while a fault is staged."""

    def hang_up(self) -> None:
        """Close with FIN."""
        self._writer.close()

    def reset(self) -> None:
        """Close with RST."""
        reset(self._writer.transport)

    def crash(self, restart_ns: int | None) -> NoReturn:
        """Crash the host, which takes this connection along: raises ConnectionError."""
        self._site.crash(restart_ns)
        raise ConnectionAbortedError("the host has crashed")
