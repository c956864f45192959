"""The files that go with a message, found while its octets go by (RFC 2045, 2046, 2183), whoever made its parts.

Nothing is kept but what is told: a file's octets are decoded, counted and hashed as they come.  What a part costs is
its length, however parts are nested: delimiters of a few enclosing ones are looked for at a time.
"""

from __future__ import annotations

import binascii
import re
from email.message import Message
from typing import Protocol, Self

from msgspec import Struct

from testbed.protocols.mime import file_name
from testbed.protocols.text import decoded

MOST_PARTS = 500
"""Of one message; what comes behind them is not looked at."""
_MOST_NESTED = 8
_MOST_HEADER = 1 << 16
_MOST_VALUE = 4_096  # of a field
_MOST_LINE = 1 << 16
_BLANK = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"^(Content-(?:Type|Disposition|Transfer-Encoding))[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.I | re.M)
_LINE_END = re.compile(rb"\r?\n\Z")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NO_LETTERS = bytes(octet for octet in range(256) if octet not in _LETTERS)


class AttachedFile(Struct, frozen=True):
    """A part to be saved: its name (no folders, nothing unprintable; may be ``""``), media type, size in octets.

    ``sha256`` is that of its octets, in hexadecimal digits; ``""`` where not all of them are there.
    """

    name: str
    kind: str
    octets: int
    sha256: str = ""


def attachments(message: bytes) -> tuple[AttachedFile, ...]:
    """The parts of a message that have a name or are called attachments, in their order."""
    reader = AttachmentReader()
    reader.add(message)
    return reader.found()


class AttachmentReader:
    """Feed it a message; :meth:`found` gives what is attached so far, as often as it is asked.

    ``header`` is that of the message where it was read before, with the blank line behind it.
    """

    def __init__(self, header: bytes | None = None) -> None:
        self._rest = bytearray()  # a line that is not whole
        self._head: bytearray | None = bytearray(b"\n")  # of the part that has begun, None behind it
        self._parts = 0
        self._boundaries: list[bytes] = []  # of the multiparts it is in, the innermost last
        self._file: _File | None = None
        self._found: list[AttachedFile] = []
        if header is not None:
            self.add(header)

    @property
    def idle(self) -> bool:
        """Whether nothing that comes can bear on what is found."""
        return self._head is None and self._file is None and not self._boundaries

    def add(self, octets: bytes) -> None:
        """Its next octets."""
        if self.idle:
            return
        end = octets.rfind(b"\n") + 1
        if not end and len(self._rest) + len(octets) > _MOST_LINE:
            end = len(octets)
        if end:
            whole, self._rest = bytes(self._rest) + octets[:end], bytearray(octets[end:])
            self._lines(whole)
        else:
            self._rest += octets

    def hole(self) -> None:
        """Octets are missing here."""
        self._rest.clear()
        if self._file is not None:
            self._file.holed = True

    def found(self) -> tuple[AttachedFile, ...]:
        """What is attached.  The part on its way counts as it is."""
        if self._file is None:
            return tuple(self._found)
        line = bytes(self._rest.strip())
        at_end = any(line in (b"--" + boundary, b"--" + boundary + b"--") for boundary in self._boundaries)
        return (*self._found, self._file.told(b"" if at_end else bytes(self._rest), delimited=at_end))

    def _lines(self, octets: bytes) -> None:
        """Whole lines, or a piece of a very long one."""
        octets = b"\n" + octets  # a delimiter begins with the line end before it (RFC 2046 §5.1.1)
        at, nexts = 1, dict[bytes, int]()
        while at < len(octets) and not self.idle:
            if self._head is not None:
                at = self._header(self._head, octets, at)
                continue
            place, boundary = self._next_delimiter(octets, at - 1, nexts)
            if place < 0:
                self._content(octets[at:])
                return
            at = self._delimited(octets, at, place, boundary)

    def _next_delimiter(self, octets: bytes, start: int, nexts: dict[bytes, int]) -> tuple[int, bytes]:
        """Where a line begins like a delimiter, and of what; ``nexts`` are the places found before."""
        first, which = -1, b""
        for boundary in self._boundaries:
            place = nexts.get(boundary, start - 1)
            if 0 <= place < start or boundary not in nexts:
                place = nexts[boundary] = octets.find(b"\n--" + boundary, start)
            if place >= 0 and (first < 0 or (place, -len(boundary)) < (first, -len(which))):
                first, which = place, boundary
        return first, which

    def _delimited(self, octets: bytes, at: int, place: int, boundary: bytes) -> int:
        """What looks like a delimiter: a part ends and another begins there, unless the line goes on."""
        begin = place + len(b"\n--") + len(boundary)
        end = octets.find(b"\n", begin) + 1 or len(octets)
        behind = octets[begin:end].strip()
        if behind not in (b"", b"--"):
            self._content(octets[at:end])
            return end
        self._content(octets[at : place + 1])
        if self._file is not None:
            self._found.append(self._file.told(b"", delimited=True))
            self._file = None
        inner = self._boundaries.index(boundary) + (behind == b"")
        del self._boundaries[0 if self._parts >= MOST_PARTS else inner :]
        self._head = bytearray(b"\n") if not behind and self._boundaries else None
        return end

    def _header(self, head: bytearray, octets: bytes, at: int) -> int:
        """The header of a part; gives where its content begins."""
        before = len(head)
        head += octets[at:]
        blank = _BLANK.search(head, max(0, before - 2))
        if blank is None and len(head) < _MOST_HEADER:
            return len(octets)
        end = blank.end() if blank is not None else len(head)
        self._head = None
        self._parts += 1
        self._begin(bytes(head[:end]))
        return at + end - before

    def _begin(self, head: bytes) -> None:
        part = Message()
        for name, value in _FIELD.findall(head):
            if part.get(name.decode()) is None:
                part[name.decode()] = decoded_value(value)
        kind = part.get_content_type()
        boundary = _boundary_of(part)
        name = file_name(part)
        is_file = bool(name) or _disposition(part) == "attachment"
        if kind.startswith("multipart/"):
            if boundary and len(self._boundaries) < _MOST_NESTED and boundary not in self._boundaries:
                self._boundaries.append(boundary)
        elif kind == "message/rfc822" and not is_file:
            self._head = bytearray(b"\n") if self._parts < MOST_PARTS else None
        elif is_file:
            self._file = _File(name, kind, str(part.get("Content-Transfer-Encoding", "")).strip().lower())

    def _content(self, octets: bytes) -> None:
        if self._file is not None and octets:
            self._file.add(octets)


class _Digest(Protocol):
    """What :mod:`hashlib` gives."""

    def update(self, octets: bytes, /) -> None: ...
    def copy(self) -> Self: ...
    def hexdigest(self) -> str: ...


class _File:
    """A file whose octets go by."""

    def __init__(self, name: str, kind: str, encoding: str) -> None:
        from hashlib import sha256  # brings all of OpenSSL, for the few messages that have files

        self.holed = False
        self._name, self._kind, self._encoding = name, kind, encoding
        self._hash: _Digest = sha256()
        self._octets = 0
        self._padded = False  # the end of base64 has come
        self._held = b""  # of base64, what makes no group of four yet; else a line end that may be the delimiter's

    def add(self, octets: bytes) -> None:
        if self._encoding == "base64":
            if self._padded:
                return
            letters, pad, _ = (self._held + octets.translate(None, _NO_LETTERS)).partition(b"=")
            whole = len(letters) // 4 * 4
            self._held, self._padded = letters[whole:], bool(pad)
            self._count(binascii.a2b_base64(letters[:whole]))
            return
        octets = self._held + (binascii.a2b_qp(octets) if self._encoding == "quoted-printable" else octets)
        end = _LINE_END.search(octets, max(0, len(octets) - 2))
        self._held = end[0] if end is not None else b""
        self._count(octets[: len(octets) - len(self._held)])

    def told(self, rest: bytes, *, delimited: bool = False) -> AttachedFile:
        """The file as it is, with ``rest`` behind it; the line end before a delimiter is none of its own."""
        last = self._copy()
        last.add(rest)
        if self._encoding == "base64" and len(last._held) > 1:
            last._count(binascii.a2b_base64(last._held + b"=" * (4 - len(last._held))))
        elif self._encoding != "base64" and not delimited:
            last._count(last._held)
        return AttachedFile(self._name, self._kind, last._octets, "" if self.holed else last._hash.hexdigest())

    def _copy(self) -> _File:
        other = _File(self._name, self._kind, self._encoding)
        other._hash, other._octets, other._held = self._hash.copy(), self._octets, self._held
        other._padded = self._padded
        return other

    def _count(self, octets: bytes) -> None:
        self._octets += len(octets)
        self._hash.update(octets)


def decoded_value(value: bytes) -> str:
    """The value of a field in one line, as far as it is looked at."""
    return decoded(b" ".join(value[:_MOST_VALUE].split()))


def _boundary_of(part: Message) -> bytes:
    try:
        return (part.get_boundary() or "").rstrip().encode("utf-8", "surrogateescape")[:200]
    except Exception:  # hostile parameters
        return b""


def _disposition(part: Message) -> str:
    try:
        return part.get_content_disposition() or ""
    except Exception:
        return ""
