"""High ports of the machine's own loopback, in place of the ports mail has: a lab there has no right to port 25.

A lab reserves a block of ports, gives each service's port one of them when it is first asked for, and translates back.
Two labs never share a block.  The block lies outside of the ports the kernel gives to clients, so a port of it is
always a service's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from testbed.errors import LabError

BLOCK = 64
_FROM, _TO = 10_000, 65_536
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_UNTOLD = (32_768, 60_999)


class Ports:
    """The ports of one lab.  Raises LabError when there is no block left.

    A block is locked by the name of a socket (unix(7), abstract), which the kernel frees however the process ends.
    """

    def __init__(self) -> None:
        self._services: dict[int, int] = {}
        self._open: dict[int, int] = {}
        self._closed: dict[int, int] = {}
        self.first, self._lock = _reserve()
        self.last = self.first + BLOCK - 1
        self._free = iter(range(self.first, self.last + 1))

    def of(self, port: int) -> int:
        """Where the services of a port are.  Raises LabError when the block is used up."""
        return self._assigned(self._open, port)

    def closed(self, port: int) -> int:
        """What stands for a port at which nobody listens.  Raises LabError as :meth:`of` does."""
        return self._assigned(self._closed, port)

    def is_closed(self, high: int) -> bool:
        """Whether a port is one of those at which nobody listens."""
        return high in self._closed.values()

    def service(self, high: int) -> int:
        """The port a port of the block stands for; any other is itself."""
        return self._services.get(high, high)

    def close(self) -> None:
        """Give the block back."""
        self._lock.close()

    def _assigned(self, known: dict[int, int], port: int) -> int:
        if port in self._services:
            return port  # translated already
        if port not in known:
            known[port] = self._next()
            self._services[known[port]] = port
        return known[port]

    def _next(self) -> int:
        for port in self._free:
            if _is_free(port):
                return port
        raise LabError(
            f"the ports {self.first} to {self.last} of the machine's loopback are used up; "
            "end what listens there, or name fewer ports in the scenario"
        )


def _reserve() -> tuple[int, socket.socket]:
    """The first port of a block nobody else has, and what keeps it so."""
    blocks = list(_blocks())
    start = os.getpid() % len(blocks) if blocks else 0  # connections of the lab before are still fading away in its own
    for first in blocks[start:] + blocks[:start]:
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0testbed-ports-{first}")
        except OSError:
            lock.close()
        else:
            return first, lock
    raise LabError(
        "the machine's loopback has no ports left for a lab: other labs or clients use them; "
        "end some labs, or narrow the clients' range with 'sysctl -w net.ipv4.ip_local_port_range=\"32768 60999\"'"
    )


def _blocks() -> Iterator[int]:
    low, high = _ephemeral()
    return (first for first in range(_FROM, _TO - BLOCK, BLOCK) if first + BLOCK <= low or first > high)


def _ephemeral() -> tuple[int, int]:
    try:
        low, high = map(int, _EPHEMERAL.read_text().split())
    except (OSError, ValueError):
        return _EPHEMERAL_UNTOLD
    return low, high


def _is_free(port: int) -> bool:
    """Whether nobody has a port, at any address."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as trial:
            if kind is socket.SOCK_STREAM:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # those that only fade away do not count
            try:
                trial.bind(("", port))
            except OSError:
                return False
    return True
