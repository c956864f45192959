"""What stands in front of a program at its mail ports, where a scenario has faults at its server side."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from functools import partial
from ipaddress import ip_address

from testbed.hosts.front.connection import FrontConnection
from testbed.hosts.front.program_side import Streams
from testbed.hosts.relay import SUBMISSIONS_PORT
from testbed.hosts.site import Site, close
from testbed.lab.context import LabContext
from testbed.scenario.fronts import fronted_ports

_BACKLOG = 1_024


class ProgramFront:
    """Listens in the place of one program, and connects to it in the name of each client."""

    def __init__(self, lab: LabContext, site: Site) -> None:
        self._network = lab.network.front
        self._site = site
        self._ports = fronted_ports(lab.scenario, site.name)
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen; who comes before the program does is refused all the same."""
        for address in self._site.addresses:
            for port in self._ports:
                await self._listen(address, port)

    async def stop(self) -> None:
        """Listen no more; connections end as the program ends them."""
        servers, self._servers = self._servers, []
        await close(servers)

    def crash(self) -> None:
        """Listen no more, and reset what there is."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._site.connections.cut()

    async def _listen(self, address: str, port: int) -> None:
        listener = self._socket(address)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._site.receive_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._site.receive_buffer)
        listener.bind((address, port))
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(self._connection, sock=listener, backlog=_BACKLOG))

    def _connection(self) -> asyncio.Protocol:
        return self._site.connections.protocol(self._serve, asyncio.StreamReader())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here, client = (writer.get_extra_info(name)[:2] for name in ("sockname", "peername"))
        dial, implicit = partial(self._dial, client, here), here[1] == SUBMISSIONS_PORT
        await FrontConnection(self._site, dial, reader, writer, implicit=implicit).serve()

    async def _dial(self, client: tuple[str, int], place: tuple[str, int]) -> Streams:
        """Connect from the client's address, and its port where that is free; so the program knows its true client."""
        mine = self._socket(client[0])
        try:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            loop = asyncio.get_running_loop()
            try:
                mine.bind(client)
                await loop.sock_connect(mine, place)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                    raise
                mine.close()
                mine = self._socket(client[0])
                mine.bind((client[0], 0))
                await loop.sock_connect(mine, place)
            return await asyncio.open_connection(sock=mine)
        except BaseException:
            with contextlib.suppress(OSError):
                mine.close()
            raise

    def _socket(self, address: str) -> socket.socket:
        assert self._network is not None
        return self._network.open_socket(socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6)
