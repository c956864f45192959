"""A network namespace of a program's own in the lab, at the other end of the wire (network_namespaces(7)).

A program may bind any address or none, as on a machine of its own: it speaks from its host's address, 127.0.0.1 is
itself, and whatever it sends to anybody else comes to the lab's wire by a TUN device of the namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from msgspec import Struct

from testbed.errors import LabError
from testbed.net.kernel_timers import socket_address, socket_rows
from testbed.net.namespace import lay_wire, libc
from testbed.net.programs import on_host

FROM_ANYWHERE = ("0.0.0.0", "::")
"""The addresses of whoever listens on all of them."""

_OWN = "/proc/self/ns/net"
_CLONE_NEWNET = 0x40000000
_LISTENING, _BOUND = "0A", "07"  # of TCP and of UDP sockets
_TABLES = (
    ("tcp", socket.AF_INET, _LISTENING),
    ("tcp", socket.AF_INET6, _LISTENING),
    ("udp", socket.AF_INET, _BOUND),
    ("udp", socket.AF_INET6, _BOUND),
)

Place = tuple[str, str, int]
"""A transport, an address and a port."""


class ProgramNamespace(Struct, frozen=True):
    """``wire`` is its TUN device's descriptor, ``network`` that of its network, ``tables`` those of its sockets.

    ``counters`` is that of what its devices have carried.
    """

    addresses: tuple[str, ...]
    wire: int
    network: int
    tables: tuple[int, ...]
    counters: int

    @property
    def connections(self) -> tuple[tuple[int, int], ...]:
        """The family and the descriptor of each table of its TCP sockets."""
        tables = zip(_TABLES, self.tables, strict=True)
        return tuple((family, table) for (transport, family, _), table in tables if transport == "tcp")

    def listeners(self) -> list[Place]:
        """Where somebody listens in it, without a packet to find out."""
        found: list[Place] = []
        for (transport, family, state), table in zip(_TABLES, self.tables, strict=True):
            found += [(transport, *socket_address(family, row[1])) for row in socket_rows(table) if row[3] == state]
        return found

    def listens(self, address: str, port: int) -> bool:
        """Whether somebody listens on a TCP port of an address."""
        places = (("tcp", at, port) for at in (address, *FROM_ANYWHERE))
        return not set(places).isdisjoint(self.listeners())

    def open_socket(self, family: int) -> socket.socket:
        """A TCP socket of its network, that does not block."""
        with _back_again():
            _check(libc.setns(self.network, _CLONE_NEWNET))
            return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)

    def enter(self, host: str) -> None:
        """Move this process, about to become another program, into the namespace; it dies with its parent."""
        _check(libc.setns(self.network, _CLONE_NEWNET))
        on_host(host)


def create_namespace(addresses: Sequence[str], rto_min_ms: int, *, alone: bool = True) -> ProgramNamespace:
    """Make a namespace for a host with these addresses, as patient as the lab's own.  Raises LabError.

    Not ``alone``, they are those of several hosts, as in the lab's own network.
    """
    with _back_again():
        _check(libc.unshare(_CLONE_NEWNET))
        wire = lay_wire([ip_address(address) for address in addresses], rto_min_ms, alone=alone)
        network = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        names = [transport + ("6" if family == socket.AF_INET6 else "") for transport, family, _ in _TABLES]
        *tables, counters = (os.open(f"/proc/self/net/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in (*names, "dev"))
    return ProgramNamespace(tuple(addresses), wire, network, tuple(tables), counters)


@contextlib.contextmanager
def _back_again() -> Iterator[None]:
    """Come back to the network this process is in now."""
    own = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _check(libc.setns(own, _CLONE_NEWNET))
        os.close(own)


def _check(result: int) -> None:
    if result != 0:
        reason = os.strerror(ctypes.get_errno()).lower()
        raise LabError(f"the kernel gives a program no namespaces of its own ({reason})", "run 'testbed doctor'")
