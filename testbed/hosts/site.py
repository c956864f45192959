"""What every host knows of the lab it lives in."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from testbed.hosts.connections import OpenConnections
from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.fault_script import FaultScript
from testbed.hosts.tls import LabTls
from testbed.hosts.zone_script import ZoneScript
from testbed.protocols.events import LogEvent
from testbed.scenario.faults import PolicyFault

_SMALL_BUFFER = 4_096


class Log(Protocol):
    """Writes one entry into the trace, under the host's name."""

    def __call__(self, event: LogEvent, message: str) -> None:
        """``event`` is for programs, ``message`` for people."""


class Site(Struct, frozen=True):
    """A host's place in the lab.

    ``now`` gives seconds since the Unix epoch in scenario time; ``directory`` is the host's own and private;
    ``trusted`` are the addresses that may relay (the lab's user agents).  ``dialogue`` and ``conduct`` are the faults
    of the host as server and as client, ``names`` those of a name server.  ``crash`` makes the host crash, and start
    again after so many nanoseconds; ``disk_full`` tells whether its disk is full at present, ``crowded`` whether a
    fault leaves no room in a mailbox for so many octets, which would ``otherwise`` fit or not.  ``tls`` is None where
    no host of the lab has TLS.  ``port_at`` tells datagrams, whose destination goes with each, where
    the service of a port is at an address.  ``since_begin_ns`` gives nanoseconds of scenario time since everybody was
    there, ``policies`` are the faults of the MTA-STS policy it serves.
    """

    name: str
    addresses: tuple[str, ...]
    directory: Path
    nameserver: str
    log: Log
    now: Callable[[], float]
    dialogue: DialogueScript
    trusted: frozenset[str] = field(default_factory=frozenset)
    names: ZoneScript = field(default_factory=ZoneScript)
    conduct: DialogueScript = field(default_factory=lambda: DialogueScript(()))
    connections: OpenConnections = field(default_factory=OpenConnections)
    crash: Callable[[int | None], None] = lambda restart_ns: None
    disk_full: Callable[[], bool] = lambda: False
    crowded: Callable[[str, int, bool], bool] = lambda mailbox, octets, otherwise: False
    tls: LabTls | None = None
    port_at: Callable[[str, int], int] = lambda address, port: port
    since_begin_ns: Callable[[], int] = lambda: 0
    policies: FaultScript[PolicyFault] = field(default_factory=FaultScript)

    def date(self, at: float | None = None) -> str:
        """A time in seconds since the epoch as an RFC 5322 date; None for now, in scenario time."""
        return format_datetime(datetime.fromtimestamp(self.now() if at is None else at, UTC))

    @property
    def receive_buffer(self) -> int | None:
        """How little the kernel may take in where the host will not read a whole message, in octets."""
        return _SMALL_BUFFER if self.dialogue.reads_partly else None

    def source_for(self, address: str) -> str | None:
        """The host's own address of the same family, or None when it has none."""
        for own in self.addresses:
            if (":" in own) == (":" in address):
                return own
        return None


class Host(Protocol):
    """One party of the lab; every kind has this shape."""

    @property
    def name(self) -> str:
        """The host's name in the scenario and in DNS."""

    async def start(self) -> None:
        """Open the listening sockets and begin to work."""

    async def settled(self) -> None:
        """Return when nothing is in progress; timers for later do not count."""

    async def stop(self) -> None:
        """Close everything."""

    def inventory(self) -> None:
        """Log what the host still holds, for the conservation of mail."""


class MailServer(Host, Protocol):
    """A host that can crash.  What it holds on disk it still holds then; another is built from it to start again."""

    def crash(self) -> None:
        """Stop in the middle of everything, as a program that dies; its connections are reset."""


async def listen(
    factory: Callable[[], asyncio.BaseProtocol],
    addresses: tuple[str, ...],
    ports: tuple[int, ...],
    receive_buffer: int | None = None,
    tls: ssl.SSLContext | None = None,
) -> list[asyncio.Server]:
    """Open a server on each address and port; the kernel keeps about so many octets of a connection for it.

    With ``tls``, connections begin with it.
    """
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(factory, address, port, backlog=1024, ssl=tls)
        for address in addresses
        for port in ports
    ]
    for listener in (listener for server in servers for listener in server.sockets):
        if receive_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    return servers


async def close(servers: list[asyncio.Server]) -> None:
    """Close servers without waiting for their connections."""
    for server in servers:
        server.close()
