"""What differs between two bodies: how they are encoded, then which lines."""

from __future__ import annotations

import binascii
import quopri
import re
from base64 import b64decode

from testbed.authentication import canonical
from testbed.authentication.changes import Change, OfBody
from testbed.authentication.message import Message, parse

_MAX_DECODED = 16 << 20
_MAX_PARTS, _MAX_DEPTH = 100, 3
_LONGEST = 200
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)


def of_bodies(before: Message, after: Message) -> tuple[Change, ...]:
    """What was done to a body.  Lines are compared as they are behind base64 and quoted-printable."""
    if before.body == after.body:
        return ()
    if len(before.body) + len(after.body) > _MAX_DECODED:
        return _of_lines(before.body, after.body)
    was, now = _encodings(before), _encodings(after)
    plain_before, plain_after = _decoded(before), _decoded(after)
    if plain_before == before.body and plain_after == after.body:
        return _of_lines(before.body, after.body)
    encoded = Change("body-encoded", before=was, after=now)
    if _text(plain_before) == _text(plain_after):
        return (encoded,)
    lines = _of_lines(plain_before, plain_after)
    return (encoded, *lines) if was != now else lines


def _encodings(message: Message, depth: int = 0) -> str:
    """The transfer encodings of a message and its parts, each once."""
    parts = _parts(message) if depth < _MAX_DEPTH else []
    inner = [name for part in parts for name in _encodings(part, depth + 1).split(", ")]
    return ", ".join(list(dict.fromkeys(inner or [_encoding(message) or "7bit"]))[:4])


def _encoding(message: Message) -> str:
    fields = message.named("content-transfer-encoding")
    word = fields[0].text.strip().lower() if fields else ""
    return word if word in ("7bit", "8bit", "binary", "base64", "quoted-printable") else ""


def _decoded(message: Message, depth: int = 0) -> bytes:
    """A body without its transfer encodings; parts of it, too, with their fields but those about encodings."""
    parts = _parts(message) if depth < _MAX_DEPTH else []
    if parts:
        return b"".join(_of_part(part, depth) for part in parts)
    match _encoding(message):
        case "base64":
            try:
                return b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", message.body))
            except binascii.Error:
                return message.body
        case "quoted-printable":
            return quopri.decodestring(message.body)
        case _:
            return message.body


def _of_part(part: Message, depth: int) -> bytes:
    kept = [field.octets for field in part.fields if field.name != "content-transfer-encoding"]
    return b"".join(kept) + b"\r\n" + _decoded(part, depth + 1).rstrip(b"\r\n") + b"\r\n"


def _parts(message: Message) -> list[Message]:
    """The parts of a multipart body (RFC 2046 §5.1); none where there are too many, or none is there."""
    fields = message.named("content-type")
    found = _BOUNDARY.search(fields[0].text[:2_000]) if fields else None
    if found is None or not fields[0].text.lower().startswith("multipart/"):
        return []
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    pieces = (b"\r\n" + message.body).split(delimiter, _MAX_PARTS + 1)
    if not 2 < len(pieces) <= _MAX_PARTS + 1:
        return []
    return [parse(piece.partition(b"\r\n")[2]) for piece in pieces[1:-1]]


def _text(octets: bytes) -> bytes:
    return _LINE_END.sub(b"\n", octets).rstrip(b"\n")


def _of_lines(before: bytes, after: bytes) -> tuple[Change, ...]:
    """From what changes least to what changes most."""
    if _without_end(before) == _without_end(after):
        return (Change("empty-lines-at-end"),)
    if _text(before) == _text(after):
        return (Change("line-ends", lines=_unlike(before.split(b"\n"), after.split(b"\n"))),)
    was, now = _lines(before), _lines(after)
    dots = _dots(was, now)
    if dots is not None:
        return (dots,)
    if canonical.body(before, "relaxed") == canonical.body(after, "relaxed"):
        return (Change("white-space", lines=_unlike(was, now)),)
    if b"".join(before.split()) == b"".join(after.split()):
        at = _common(was, now) + 1
        return (Change("lines-wrapped", at=at, lines=abs(len(now) - len(was))),)
    return _of_pieces(_all_lines(before), _all_lines(after))


def _without_end(body: bytes) -> bytes:
    return body.rstrip(b"\r\n")


def _lines(body: bytes) -> list[bytes]:
    return _text(body).split(b"\n")


def _all_lines(body: bytes) -> list[bytes]:
    """The lines, with the empty ones at the end."""
    text = _LINE_END.sub(b"\n", body).removesuffix(b"\n")
    return text.split(b"\n") if text else []


def _unlike(before: list[bytes], after: list[bytes]) -> int:
    """How many lines differ, where there are as many."""
    return sum(one != other for one, other in zip(before, after, strict=False)) or 1


def _dots(before: list[bytes], after: list[bytes]) -> Change | None:
    """Whether all that differs is a dot at the beginning of lines (RFC 5321 §4.5.2)."""
    if len(before) != len(after):
        return None
    unlike = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    if all(one.startswith(b".") and other == b"." + one for one, other in unlike):
        return Change("dots-added", after=_shown(unlike[0][1]), lines=len(unlike))
    if all(one.startswith(b".") and one == b"." + other for one, other in unlike):
        return Change("dots-lost", before=_shown(unlike[0][0]), lines=len(unlike))
    return None


def _of_pieces(before: list[bytes], after: list[bytes]) -> tuple[Change, ...]:
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    gone, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if new and not any(gone) and head + len(gone) == len(before):  # empty lines in the way of a footer mean nothing
        return (Change("lines-added-at-end", after=_first(new), lines=len(new), at=head + 1),)
    if not gone and head == 0:
        return (Change("lines-added-at-beginning", after=_first(new), lines=len(new), at=1),)
    if not new and head == len(after):
        return (Change("lines-removed-at-end", before=_first(gone), lines=len(gone), at=head + 1),)
    if not new and head == 0:
        return (Change("lines-removed-at-beginning", before=_first(gone), lines=len(gone), at=1),)
    around = _around(before, after)
    if around is not None:
        return around
    return (Change("lines-changed", "", _first(gone), _first(new), max(len(gone), len(new)), head + 1),)


def _around(before: list[bytes], after: list[bytes]) -> tuple[Change, ...] | None:
    """Lines before and behind a body that is whole in the other."""
    if len(after) <= len(before):
        return None
    at = (b"\n" + b"\n".join(after) + b"\n").find(b"\n" + b"\n".join(before) + b"\n")
    if at < 0:
        return None
    above = (b"\n" + b"\n".join(after) + b"\n").count(b"\n", 0, at)
    below = len(after) - len(before) - above
    first: OfBody = "lines-added-at-beginning"
    return (
        Change(first, after=_first(after), lines=above, at=1),
        Change("lines-added-at-end", after=_first(after[above + len(before) :]), lines=below, at=above + 1),
    )


def _common(before: list[bytes], after: list[bytes]) -> int:
    """How many lines are the same from the beginning."""
    most = min(len(before), len(after))
    return next((at for at in range(most) if before[at] != after[at]), most)


def _first(lines: list[bytes]) -> str:
    return next((_shown(line) for line in lines if line.strip()), "")


def _shown(line: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in line[: 4 * _LONGEST].decode("utf-8", "replace"))[:_LONGEST]
