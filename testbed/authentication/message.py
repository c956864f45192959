"""A message taken apart as signatures see it: fields with all their octets, and the body."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

MAX_FIELDS = 5_000
_END = b"\r\n\r\n"


class Field(Struct, frozen=True):
    """One header field; ``octets`` are all of it, folds and the last CRLF included."""

    octets: bytes

    @property
    def name(self) -> str:
        """In lower case, without white space (RFC 5322 §2.2)."""
        return self.octets.partition(b":")[0].rstrip(b" \t").decode("latin-1").lower()

    @property
    def value(self) -> bytes:
        """What stands behind the colon, folds included, without the last CRLF."""
        return self.octets.partition(b":")[2].removesuffix(b"\r\n")

    @property
    def text(self) -> str:
        """The value unfolded, an octet a character."""
        return self.value.replace(b"\r\n", b"").decode("latin-1").strip(" \t")


class Message(Struct, frozen=True):
    """``fields`` from top to bottom; of more than :data:`MAX_FIELDS` the others belong to the last."""

    fields: tuple[Field, ...]
    body: bytes

    def named(self, name: str) -> tuple[Field, ...]:
        """All fields of a name in lower case, from top to bottom."""
        return tuple(field for field in self.fields if field.name == name)


def parse(octets: bytes) -> Message:
    """Take a message of CRLF lines apart.  Without an empty line all of it is header (RFC 5322 §2.1)."""
    if octets.startswith(b"\r\n"):
        return Message((), octets[2:])
    end = octets.find(_END)
    header, body = (octets, b"") if end < 0 else (octets[: end + 2], octets[end + 4 :])
    return Message(tuple(_fields(header)), body)


def _fields(header: bytes) -> Iterator[Field]:
    begin = 0
    for _ in range(MAX_FIELDS - 1):
        end = _end_of_field(header, begin)
        if begin >= len(header):
            return
        yield Field(_ended(header[begin:end]))
        begin = end
    if begin < len(header):
        yield Field(_ended(header[begin:]))


def _end_of_field(header: bytes, begin: int) -> int:
    end = begin
    while (end := header.find(b"\r\n", end)) >= 0:
        end += 2
        if header[end : end + 1] not in (b" ", b"\t"):
            return end
    return len(header)


def _ended(octets: bytes) -> bytes:
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"
