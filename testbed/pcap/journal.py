"""Systemd's Journal Export Format, which pcapng's journal blocks hold."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from testbed.protocols.text import printable


def journal_fields(text: bytes) -> Iterator[tuple[str, str]]:
    """The fields of one entry in systemd's Journal Export Format; malformed rest is left out."""
    position = 0
    while position < len(text):
        line_end = text.find(b"\n", position)
        if line_end < 0:
            return
        line = text[position:line_end]
        position = line_end + 1
        name, equals, value = line.partition(b"=")
        if not name:
            continue
        if not equals:  # binary form: a 64-bit length, the octets, a line feed
            if position + 8 > len(text):
                return
            (length,) = struct.unpack_from("<Q", text, position)
            value = text[position + 8 : position + 8 + length]
            position += 8 + length + 1
        yield printable(name.decode("ascii", "replace")), value.decode("utf-8", "replace")
