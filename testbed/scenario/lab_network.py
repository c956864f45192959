"""The networks a scenario's hosts may live in."""

from __future__ import annotations

from ipaddress import IPv4Network

LOOPBACK_NETWORK = IPv4Network("127.0.0.0/8")
TEST_NET = IPv4Network("192.0.2.0/24")
"""For documentation (RFC 5737): servers that ignore loopback's addresses take these for the Internet's."""

MOST_HOSTS = 200
"""So many hosts have room among 256 addresses, beside the name server, a router, and those who are no hosts."""

_THIS_NETWORK = IPv4Network("0.0.0.0/8")  # RFC 1122 §3.2.1.3
_BITS = 24


def of_hosts(network: IPv4Network) -> IPv4Network:
    """A network that hosts can live in.  Raises ValueError."""
    if network == LOOPBACK_NETWORK:
        return network
    if network.prefixlen != _BITS:
        raise ValueError(f"the hosts' network is {LOOPBACK_NETWORK}, or one of 256 addresses, such as {TEST_NET}")
    if network.is_loopback or network.is_multicast or network.is_link_local or network.subnet_of(_THIS_NETWORK):
        raise ValueError(f"hosts cannot have addresses of {network}; take another network, such as {TEST_NET}")
    return network
