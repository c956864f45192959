"""Domains as they stand in messages, as DNS names them (RFC 5890 §2.3)."""

from __future__ import annotations

from ipaddress import ip_address


def a_label(domain: str) -> str:
    """A domain in lower case as DNS has it, without the dot at its end; ``""`` for what can be none."""
    domain = domain.strip().removesuffix(".").lower()
    if not domain or len(domain) > 253:
        return ""
    if domain.isascii():
        return domain if all(0 < len(label) <= 63 for label in domain.split(".")) and " " not in domain else ""
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""


def same_address(one: str, other: str) -> bool:
    """Whether two texts are the same IP address."""
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False
