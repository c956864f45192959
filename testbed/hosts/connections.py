"""The TCP connections of a host, and their end by RST."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable


class OpenConnections:
    """How to cut each connection of a host that is still open, for the day it crashes."""

    def __init__(self) -> None:
        self._cuts: dict[asyncio.BaseTransport, Callable[[], None]] = {}

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


def reset(transport: asyncio.BaseTransport) -> None:
    """Close with RST instead of FIN: a zero linger time makes the kernel do so, and forget what it has to send."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def unsent(transport: asyncio.BaseTransport) -> int:
    """How many octets the other end has not acknowledged, as far as the kernel has them (SIOCOUTQ)."""
    sock = transport.get_extra_info("socket")
    number: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return number
