"""What the hosts a message came through have written on top of it (RFC 5321 §4.4)."""

from __future__ import annotations

import re

from msgspec import Struct

from testbed.protocols.text import decoded

_MOST = 30  # fields; a message that came through more hosts goes in circles
_MOST_OCTETS = 2_000  # of a field
_FIELD = re.compile(rb"^Received[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.I | re.M)
_COMMENT = re.compile(rb"\([^()]*\)")
_BY = re.compile(rb"(?:^|\s)by\s+([^\s;]+)", re.I)
_ID = re.compile(rb"(?:^|\s)id\s+<?([^\s;>]+)", re.I)


class Received(Struct, frozen=True):
    """One field: the host that took the message, in small letters, and the name it gave it there; ``""`` for none."""

    by: str
    queue_id: str


def received(header: bytes) -> tuple[Received, ...]:
    """The fields of a header, the last host first."""
    found = (match[1][:_MOST_OCTETS] for match, _ in zip(_FIELD.finditer(header), range(_MOST), strict=False))
    return tuple(map(_read, found))


def _read(value: bytes) -> Received:
    value = _COMMENT.sub(b" ", value.partition(b";")[0])
    return Received(_word(_BY.search(value)).lower().rstrip("."), _word(_ID.search(value)))


def _word(found: re.Match[bytes] | None) -> str:
    return decoded(found[1][:255]) if found is not None else ""
