"""Mail addresses (RFC 5321 §4.1.2), and those of the network."""

from __future__ import annotations

from ipaddress import ip_address


def domain_of(address: str) -> str:
    """The domain in lower case, without a trailing dot; ``""`` when there is none."""
    return address.rpartition("@")[2].rstrip(".").lower() if "@" in address else ""


def is_ip(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
