"""Checksums after what they are of was changed: one that was right is right, one that was wrong is as wrong (RFC 1624).

The sum of 16-bit words modulo 65,535 is the number the octets make, modulo 65,535 (RFC 1071 §2).
"""

from __future__ import annotations

_FULL = 0xFFFF


def change(old: bytes, new: bytes) -> int:
    """By how much the sum grows where octets that begin at an even place are replaced; modulo 65,535."""
    return (_sum(new) - _sum(old)) % _FULL


def adjusted(checksum: int, difference: int) -> int:
    """A checksum after the sum has grown by so much; 0 is given as 65,535 (RFC 768)."""
    return _FULL - ((_FULL - checksum + difference) % _FULL) or _FULL


def partial(field: int, difference: int) -> int:
    """The sum of a pseudo-header alone, as a card is given it, after that has grown by so much."""
    return (field + difference) % _FULL if field else 0


def _sum(octets: bytes) -> int:
    return int.from_bytes(octets + bytes(len(octets) % 2), "big") % _FULL
