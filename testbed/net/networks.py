"""The networks a lab's hosts live in: loopback's, or one of those that documents use (RFC 5737, RFC 3849)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network

LOOPBACK = IPv4Address("127.0.0.1")


def network_of(address: Address) -> Prefix:
    """The lab's network that an address lies in: 127.0.0.0/8, or the 256 addresses, in IPv6 the /64, around it."""
    if isinstance(address, IPv6Address):
        return ip_network((address, 64), strict=False)
    return ip_network((address, 8 if address.is_loopback else 24), strict=False)


def router_of(address: Address) -> Address:
    """Who sends ICMP errors to an address: a router on the way, the first of its network."""
    return network_of(address)[1]
