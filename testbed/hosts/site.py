"""What every host knows of the lab it lives in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

from testbed.hosts.dialogue import DialogueScript
from testbed.protocols.events import Event


class Log(Protocol):
    """Writes one entry into the trace, under the host's name."""

    def __call__(self, event: Event, message: str, **fields: str | int) -> None:
        """``message`` is for people, ``fields`` are for programs."""


@dataclass(frozen=True, slots=True)
class Site:
    """A host's place in the lab.

    ``now`` gives seconds since the Unix epoch in scenario time; ``directory`` is the host's own and private;
    ``trusted`` are the addresses that may relay (the lab's user agents).  While ``real_time`` is entered, scenario
    time does not jump: for work in a thread, of which the lab's clock knows nothing.
    """

    name: str
    addresses: tuple[str, ...]
    directory: Path
    nameserver: str
    log: Log
    now: Callable[[], float]
    dialogue: DialogueScript
    trusted: frozenset[str] = field(default_factory=frozenset)
    real_time: Callable[[], AbstractContextManager[None]] = nullcontext

    def date(self) -> str:
        """The current scenario time as an RFC 5322 date."""
        return format_datetime(datetime.fromtimestamp(self.now(), UTC))

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


async def listen(
    factory: Callable[[], asyncio.BaseProtocol], addresses: tuple[str, ...], ports: tuple[int, ...]
) -> list[asyncio.Server]:
    """Open a server on each address and port."""
    loop = asyncio.get_running_loop()
    return [await loop.create_server(factory, address, port, backlog=1024) for address in addresses for port in ports]


async def close(servers: list[asyncio.Server]) -> None:
    """Close servers without waiting for their connections."""
    for server in servers:
        server.close()
