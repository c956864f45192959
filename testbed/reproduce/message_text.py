"""A message without what it says: the same lines and lengths, with neutral names in its header.

A text is kept as it is where its octets matter: it has odd line ends, is signed, or names are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from testbed.reproduce.names import Names

_ODD = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0")
_SIGNED = re.compile(rb"(?im)^(?:DKIM-Signature|ARC-Seal)[ \t]*:")
_WORDS = re.compile(rb"[A-Za-z0-9]")
_MANY = 8


def neutral_message(octets: bytes, names: Names) -> Iterator[tuple[bytes, int]]:
    """Pieces of the message as it was sent, dots stuffed and all, each with how often it comes."""
    if _ODD.search(octets) or _SIGNED.search(octets) or names.keep:
        yield names.octets(octets), 1
        return
    header, blank, body = octets.partition(b"\r\n\r\n")
    yield names.octets(header) + blank, 1
    lines = body.split(b"\r\n")
    last = lines.pop()
    same = [(line, len(list(group))) for line, group in groupby(_WORDS.sub(b"x", line) for line in lines)]
    few = bytearray()
    for line, times in same:
        if times < _MANY:
            few += (line + b"\r\n") * times
            continue
        if few:
            yield bytes(few), 1
            few = bytearray()
        yield line + b"\r\n", times
    few += _WORDS.sub(b"x", last)
    if few:
        yield bytes(few), 1
