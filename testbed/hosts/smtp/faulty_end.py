"""What dialogue faults ask of the server's end of a connection."""

from __future__ import annotations

import asyncio
import os
import socket

from testbed.hosts.connections import send_fin
from testbed.hosts.site import Site
from testbed.hosts.smtp.commands import EsmtpCommands
from testbed.hosts.smtp.idle import IdleTimer
from testbed.reset import reset


class FaultyEnd(EsmtpCommands):
    """One connection's server side, as far as it misbehaves when told to."""

    _idle: IdleTimer
    _site: Site

    async def read(self, octets: int) -> bytes:
        """Read and throw away up to so many octets, none at the end."""
        return await self.reader.read(octets)

    async def write(self, octets: bytes) -> None:
        """Write what need not be a reply."""
        self.writer.write(octets)
        await self.writer.drain()

    def be_patient(self) -> None:
        """Never close the connection for being idle."""
        self._idle.stop()

    def wait_again(self) -> None:
        """Close it once it has been idle for too long from now on."""
        self._idle.restart()

    def stop_reading(self) -> None:
        """Leave what comes to the kernel, whose buffer fills."""
        if isinstance(self.transport, asyncio.ReadTransport):
            self.transport.pause_reading()

    def sip(self) -> bool:
        """Take one octet out of the kernel's buffer; False when there will be no more."""
        return take_one_octet(self.writer)

    def finish(self) -> None:
        """Send FIN, and read on."""
        send_fin(self.writer)

    def hang_up(self) -> None:
        """Close with FIN."""
        if self.transport is not None:
            self.writer.close()
            self.transport = None  # ends the command loop

    def reset(self) -> None:
        """Close with RST."""
        reset(self.writer.transport)
        self.transport = None

    def crash(self, restart_ns: int | None) -> None:
        """The whole host crashes."""
        self._site.crash(restart_ns)


def take_one_octet(writer: asyncio.StreamWriter) -> bool:
    """Take one octet out of the kernel's buffer of a connection; False when there will be no more."""
    sock = writer.get_extra_info("socket")
    try:
        return not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) and bool(os.read(sock.fileno(), 1))
    except BlockingIOError:
        return True
    except OSError:
        return False
