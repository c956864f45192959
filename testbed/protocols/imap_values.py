"""The data in an IMAP server's responses: atoms, strings and lists (RFC 3501 §4)."""

from __future__ import annotations

import re
from collections.abc import Sequence

Value = bytes | None | list["Value"]
"""An atom, number or string as octets; None for NIL; a list in parentheses."""

# An atom may hold a section in brackets, blanks and parentheses included: BODY[HEADER.FIELDS (FROM TO)]<0>.
_TOKEN = re.compile(rb' *(?:([()])|"((?:[^"\\]|\\.)*)"|((?:[^\s()"\[]|\[[^\]]*\])+))', re.S)
_LITERAL = re.compile(rb"\{\d+\}$")


def values(pieces: Sequence[bytes]) -> list[Value]:
    """The values of a response: its lines, with a literal between any two.  Raises ValueError for what is none."""
    found: list[Value] = []
    open_lists = [found]
    for number, piece in enumerate(pieces):
        if number % 2:
            open_lists[-1].append(piece)
            continue
        line = _LITERAL.sub(b"", piece) if number + 1 < len(pieces) else piece
        _read(line.rstrip(), open_lists)
    if len(open_lists) != 1:
        raise ValueError("a list has no end")
    return found


def pairs(listed: Value) -> dict[bytes, Value]:
    """The items of FETCH or STATUS: names in upper case, each with what follows it."""
    if not isinstance(listed, list):
        return {}
    names, held = listed[::2], listed[1::2]
    return {name.upper(): value for name, value in zip(names, held, strict=False) if isinstance(name, bytes)}


def number(value: Value) -> int | None:
    """A number of at most 63 bits, None for what is none (RFC 3501 §4.2, RFC 7162 §3)."""
    if isinstance(value, bytes) and value.isdigit() and len(value) <= 19:
        return int(value)
    return None


def _read(line: bytes, open_lists: list[list[Value]]) -> None:
    at = 0
    while at < len(line):
        token = _TOKEN.match(line, at)
        if token is None:
            raise ValueError("what is no value")
        at = token.end()
        bracket, quoted, atom = token.groups()
        if bracket == b"(":
            inner: list[Value] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif bracket == b")":
            if len(open_lists) == 1:
                raise ValueError("a list ends that has not begun")
            open_lists.pop()
        elif quoted is not None:
            open_lists[-1].append(re.sub(rb"\\(.)", rb"\1", quoted, flags=re.S))
        else:
            open_lists[-1].append(None if atom.upper() == b"NIL" else atom)
