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


def is_host_name(name: str) -> bool:
    """Whether a host or a domain can be called so (RFC 1123 §2.1, and underscores)."""
    labels = name.split(".")
    return len(name) <= 253 and all(
        0 < len(label) <= 63
        and label.isascii()
        and all(c.isalnum() or c in "-_" for c in label)
        and not label.startswith("-")
        for label in labels
    )
