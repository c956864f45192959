"""Where the resource records of a DNS message are (RFC 1035 §4.1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

HEADER_OCTETS = 12
ANSWER, AUTHORITY, ADDITIONAL = 0, 1, 2
_POINTER, _LONGEST_LABEL = 0xC0, 63


class Place(Struct, frozen=True):
    """Where a resource record is; its name begins at ``owner``, its data are ``length`` octets ``at`` a place."""

    section: int
    owner: int
    kind: int
    of_class: int
    ttl: int
    at: int
    length: int


def places(wire: bytes) -> Iterator[Place]:
    """The records behind the questions, up to where the message is damaged."""
    questions, *counts = struct.unpack_from(">HHHH", wire, 4)
    at = HEADER_OCTETS
    try:
        for _ in range(questions):
            at = _behind_name(wire, at) + 4
        for section, count in enumerate(counts):
            for _ in range(count):
                owner = at
                kind, of_class, ttl, length = struct.unpack_from(">HHIH", wire, at := _behind_name(wire, at))
                if at + 10 + length > len(wire):
                    return
                yield Place(section, owner, kind, of_class, ttl, at + 10, length)
                at += 10 + length
    except (IndexError, struct.error):
        return


def _behind_name(wire: bytes, at: int) -> int:
    """Where the name that begins at a place ends.  Raises IndexError where it is none."""
    while wire[at]:
        if wire[at] >= _POINTER:
            return at + 2
        if wire[at] > _LONGEST_LABEL:
            raise IndexError("no kind of label")
        at += 1 + wire[at]
    return at + 1
