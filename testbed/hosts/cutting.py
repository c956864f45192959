"""Connections ended as no protocol says they should be."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import NoReturn

from testbed.scenario.faults import DialogueFault


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN: a zero linger time makes the kernel do so."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def end(fault: DialogueFault, writer: asyncio.StreamWriter) -> NoReturn:
    """What a fault with ``then`` does to a connection; raises ConnectionError, or never comes back."""
    if fault.then == "stall":
        await asyncio.get_running_loop().create_future()
    if fault.then == "reset":
        reset(writer)
    else:
        writer.close()
    raise ConnectionAbortedError(fault.describe())
