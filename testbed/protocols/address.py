"""Mail addresses (RFC 5321 §4.1.2)."""

from __future__ import annotations


def domain_of(address: str) -> str:
    """The domain in lower case, without a trailing dot; ``""`` when there is none."""
    return address.rpartition("@")[2].rstrip(".").lower() if "@" in address else ""
