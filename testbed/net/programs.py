"""What programs of the user's meet in a lab's network: whose address they speak from, and who listens."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

from testbed.net.kernel_timers import socket_address
from testbed.net.namespace import ANYWHERE, TABLE, WIRE, libc
from testbed.net.netlink import TABLE_MAIN, Netlink
from testbed.net.networks import LOOPBACK, network_of
from testbed.net.orphans import die_with_parent

_LISTENING = "0A"
_CLONE_NEWUTS = 0x04000000


@contextlib.contextmanager
def speaking_as(addresses: Iterable[str], rto_min_ms: int) -> Iterator[None]:
    """While this is entered, a socket that is not bound speaks from these addresses, one of a family.

    The lab's own hosts bind their sockets, so the source the routes prefer is that of other programs only.  It is one
    for all of them: programs that run at the same time speak from the same host.  ``rto_min_ms`` is that of the lab.
    """
    sources = {address.version: address for address in map(ip_address, addresses)}
    networks = {version: network_of(address) for version, address in sources.items()}
    networks.setdefault(4, network_of(LOOPBACK))
    wire = socket.if_nametoindex(WIRE)
    netlink = Netlink()
    try:
        for version, network in networks.items():
            netlink.add_route(network, wire, TABLE, source=sources.get(version, LOOPBACK), rto_min_ms=rto_min_ms)
        for source in sources.values():  # the wire refuses what is for nobody here, and tells
            netlink.add_route(ANYWHERE[source.version], wire, TABLE_MAIN, source=source)
        yield
    finally:
        for version in sources:
            with contextlib.suppress(OSError):
                netlink.delete_route(ANYWHERE[version], wire, TABLE_MAIN)
        for network in networks.values():
            nobody = LOOPBACK if network.is_loopback else None
            netlink.add_route(network, wire, TABLE, source=nobody, rto_min_ms=rto_min_ms)
        netlink.close()


def listeners() -> list[tuple[str, int]]:
    """The address and port of every TCP socket that listens in this network, sorted."""
    found: set[tuple[str, int]] = set()
    for family, name in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(f"/proc/self/net/{name}").read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING:
                    found.add(socket_address(family, fields[1]))
    return sorted(found, key=lambda place: (ip_address(place[0]).version, ip_address(place[0]).packed, place[1]))


def on_host(name: str) -> None:
    """Make this process, about to become another program, one that runs on a host of the lab.

    It takes the host's name, dies with its parent, and heeds Ctrl-C, which a lab's own process does not.
    """
    if libc.unshare(_CLONE_NEWUTS) == 0:
        socket.sethostname(name)
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
