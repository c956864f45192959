"""The machine's own loopback as a lab's network, where there can be no private one.

Hosts have the addresses they always have, and say port 25.  The loop they run in knows which high port that is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from testbed.net.clock import ScenarioLoop
from testbed.net.own_sockets import OwnTimers

PortAt = Callable[[str, int], int]
"""Where the service of a port is found at an address."""

_PREFIX = "testbed-lab-"
_SETTLED_S = 60.0
_SEGMENT = 1_460  # octets of payload: Ethernet's 1,500 without the headers of IP and TCP


class LoopbackLoop(ScenarioLoop):
    """Binds and connects to ports as ``port_at`` says."""

    def __init__(self, listens_at: Callable[[int], int], port_at: PortAt) -> None:
        super().__init__(OwnTimers())
        self._listens_at = listens_at
        self._port_at = port_at

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect, also on behalf of ``create_connection``."""
        if sock.family == socket.AF_INET:
            host, port = address
            if sock.type == socket.SOCK_STREAM:
                _cut_as_ethernet_does(sock)
            try:
                await super().sock_connect(sock, (host, self._port_at(host, port)))
            except OSError as error:
                raise type(error)(error.errno, f"Connect call failed {(host, port)}") from error
        else:
            await super().sock_connect(sock, address)

    async def create_server(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: Any = None, port: Any = None, **options: Any
    ) -> asyncio.Server:
        """Listen; ``sock`` among the options has its port already."""
        if port:
            port = self._listens_at(port)
        server = await super().create_server(protocol_factory, host, port, **options)
        for listener in server.sockets:
            _cut_as_ethernet_does(listener)
        return server

    async def create_datagram_endpoint(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], local_addr: tuple[str, int] | None = None, **options: Any
    ) -> tuple[asyncio.DatagramTransport, Any]:
        """Bind a datagram socket.  Whom it sends to is said with each datagram, and not translated."""
        if local_addr is not None and local_addr[1]:
            local_addr = (local_addr[0], self._listens_at(local_addr[1]))
        return await super().create_datagram_endpoint(protocol_factory, local_addr, **options)


def _cut_as_ethernet_does(sock: socket.socket) -> None:
    """Have TCP send segments of the size they have elsewhere; the kernel still hands over several in one packet.

    A host with a small receive buffer would have to throw away those of 64 KB that loopback carries.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for the files of a lab, in memory where that can be had.  It goes when this is left.

    What a lab that was killed could not take away, the next one does.
    """
    parent = Path("/dev/shm")
    if not os.access(parent, os.W_OK | os.X_OK):
        parent = Path(tempfile.gettempdir())
    _clear(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _clear(parent: Path) -> None:
    """Remove the folders of this user's labs that live no more: theirs are not locked."""
    for left in parent.glob(f"{_PREFIX}*"):
        try:
            about = left.lstat()
            if about.st_uid != os.geteuid() or time.time() - about.st_mtime < _SETTLED_S:
                continue
            held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(held)
