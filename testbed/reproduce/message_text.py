"""A message without what it says: the same lines and lengths, with neutral names in its header.

A text is kept as it is where its octets matter: it has odd line ends, is signed, or names are kept.  A long one is
filled up in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from testbed.reproduce.names import Names

_ODD = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0")
_SIGNED = re.compile(rb"(?im)^(?:DKIM-Signature|ARC-Seal)[ \t]*:")
_WORDS = re.compile(rb"[A-Za-z0-9]")
_FIELD = re.compile(rb"(?s)[^\r\n]+(?:\r\n[ \t][^\r\n]*)*")
_OF_ADDRESSES = frozenset(
    (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"resent-from", b"resent-to", b"return-path")
)
_TECHNICAL = re.compile(
    rb"(?i)message-id|date|mime-version|content-|received|list-|auto-submitted|precedence|arc-|authentication-results|"
    rb"tls-required|in-reply-to|references"
)
_ADDRESS = re.compile(rb"[^\s<>@,;:()\"\[\]]+@[A-Za-z0-9.-]+")
_MANY = 8
_LONG, _HEADER = 100_000, 20_000  # octets of a message that is not written out, and of what is of its header
_FILLER = b"x" * 76 + b"\r\n"


def neutral_message(octets: bytes, names: Names) -> Iterator[tuple[bytes, int]]:
    """Pieces of the message as it was sent, dots stuffed and all, each with how often it comes."""
    if len(octets) > _LONG:
        head, blank, _ = octets[:_HEADER].partition(b"\r\n\r\n")
        header = head if blank else head.rpartition(b"\r\n")[0]
        yield _neutral_header(header, names) + b"\r\n\r\n", 1
        yield _FILLER, max(1, (len(octets) - len(header)) // len(_FILLER))
        return
    if _ODD.search(octets) or _SIGNED.search(octets) or names.keep:
        yield names.octets(octets), 1
        return
    header, blank, body = octets.partition(b"\r\n\r\n")
    yield _neutral_header(header, names) + blank, 1
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


def _neutral_header(header: bytes, names: Names) -> bytes:
    return _FIELD.sub(lambda found: _neutral_field(found[0], names), header)


def _neutral_field(field: bytes, names: Names) -> bytes:
    """A field without what people wrote into it: addresses and what servers say of a message stay, in neutral names."""
    name, colon, value = field.partition(b":")
    word, neutral = name.strip().lower(), names.octets(value)
    if not colon:
        return _WORDS.sub(b"x", field)
    if word in _OF_ADDRESSES:
        if neutral == value:
            return field
        return name + b": " + b", ".join(b"<" + one + b">" for one in _ADDRESS.findall(neutral))
    return name + colon + (neutral if _TECHNICAL.match(word) else _WORDS.sub(b"x", value))
