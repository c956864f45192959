"""The grammar of HTTP/1.1 messages (RFC 9112): start lines, field lines, and where a body ends.

Nothing here raises on what a stranger sent; what the grammar does not allow is None or a :class:`FramingFault`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from testbed.protocols.text import decoded

PREFACE = b"PRI * HTTP/2.0"
"""The first line of HTTP/2 (RFC 9113 §3.4)."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD = re.compile(rb"[A-Z][A-Z_-]{1,39}")
_VERSION = re.compile(rb"HTTP/(1\.\d)")
_STATUS = re.compile(rb"HTTP/(1\.\d) ([1-5]\d\d)(?: (.*))?", re.S)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?", re.S)
_LENGTH = re.compile(r"[0-9]{1,18}", re.A)
_MOST_REASON = 200
_KEPT = frozenset(
    b"content-length transfer-encoding host content-type content-encoding connection upgrade authorization "
    b"proxy-authorization location".split()
)


class FramingFault(StrEnum):
    """What makes two readers of a message disagree on where it ends; the values are codes of remarks."""

    BOTH_LENGTHS = "http-length-and-encoding"  # RFC 9112 §6.1
    DIFFERENT_LENGTHS = "http-lengths-differ"  # §6.3
    BAD_LENGTH = "http-length-unreadable"  # §6.3
    CHUNKED_NOT_LAST = "http-chunked-not-last"  # §6.1
    ENCODING_IN_1_0 = "http-encoding-in-1.0"  # §6.1
    FOLDED = "http-folded-line"  # §5.2
    SPACE_BEFORE_COLON = "http-space-before-colon"  # §5.1
    NO_FIELD = "http-line-without-colon"  # §5
    BARE_LF = "http-bare-line-feed"  # §2.2
    BARE_CR = "http-bare-carriage-return"  # §2.2
    SPACE_IN_TARGET = "http-space-in-target"  # §3.2
    BAD_CHUNK = "http-chunk-malformed"  # §7.1


class Body(Enum):
    """How the end of a body is told (RFC 9112 §6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"
    UNKNOWN = "unknown"  # nobody can tell: the message is not valid


class Framing(Struct, frozen=True):
    """Where a body ends; ``length`` counts its octets where :attr:`Body.LENGTH` tells it."""

    body: Body
    length: int = 0


class RequestLine(Struct, frozen=True):
    """RFC 9112 §3.  ``target`` is as it was sent, in whichever of the four forms; ``version`` is ``1.1``."""

    method: str
    target: bytes
    version: str


class StatusLine(Struct, frozen=True):
    """RFC 9112 §4.  ``reason`` is safe to show."""

    version: str
    code: str
    reason: str


def parse_request_line(line: bytes) -> RequestLine | None:
    """A request line without its end, None where it is none; a target with blanks inside is taken as it is."""
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rstrip(b" \t\r").rpartition(b" ")
    found = _VERSION.fullmatch(version)
    target = target.strip(b" ")
    if found is None or not target or _METHOD.fullmatch(method) is None:
        return None
    return RequestLine(method.decode("ascii"), target, found[1].decode("ascii"))


def parse_status_line(line: bytes) -> StatusLine | None:
    """A status line without its end, None where it is none."""
    found = _STATUS.fullmatch(line)
    if found is None:
        return None
    version, code, reason = found.groups(b"")
    return StatusLine(version.decode("ascii"), code.decode("ascii"), decoded(reason[:_MOST_REASON].strip()))


def chunk_size(line: bytes) -> int | None:
    """The octets of the chunk a line announces, extensions left aside (RFC 9112 §7.1); None where it is malformed."""
    found = _CHUNK_SIZE.fullmatch(line)
    return int(found[1], 16) if found is not None else None


@dataclass(slots=True)
class Head:
    """Header fields of one message: those that tell its framing and what is worth showing.

    Whoever feeds it bounds its size.
    """

    faults: set[FramingFault] = field(default_factory=set)
    _values: dict[bytes, list[list[bytes]]] = field(default_factory=dict)
    _last: list[bytes] | None = None  # parts of the last field's value, which a folded line continues

    def add(self, line: bytes) -> None:
        """A field line without its end, or the continuation of the last one."""
        if line[:1] in (b" ", b"\t"):
            self.faults.add(FramingFault.FOLDED)
            if self._last is not None:
                self._last.append(line.strip(b" \t\r"))
            return
        name, colon, value = line.partition(b":")
        bare = name.rstrip(b" \t")
        self._last = None
        if not colon or _TOKEN.fullmatch(bare) is None:
            self.faults.add(FramingFault.NO_FIELD)
            return
        if bare != name:
            self.faults.add(FramingFault.SPACE_BEFORE_COLON)
        if (key := bare.lower()) in _KEPT:
            self._last = [value.strip(b" \t\r")]
            self._values.setdefault(key, []).append(self._last)

    def values(self, name: str) -> list[bytes]:
        """Every value of a field, unfolded (RFC 9110 §5.3)."""
        return [b" ".join(parts).strip() for parts in self._values.get(name.encode("ascii"), ())]

    def first(self, name: str) -> bytes:
        """The first value of a field, ``b""`` where there is none."""
        return next(iter(self.values(name)), b"")

    def members(self, name: str) -> list[str]:
        """The members of a field that is a list, in lower case."""
        members = (decoded(one.strip(b" \t")).lower() for value in self.values(name) for one in value.split(b","))
        return [member for member in members if member]


def request_framing(line: RequestLine, head: Head) -> Framing:
    """Where the body of a request ends (RFC 9112 §6.3); what is wrong with it is added to the faults of its head."""
    codings = _codings(line.version, head)
    if codings and _ends_chunked(codings):
        return Framing(Body.CHUNKED)
    if codings:
        head.faults.add(FramingFault.CHUNKED_NOT_LAST)
        return Framing(Body.UNKNOWN)
    return _length(head) or Framing(Body.NONE)


def response_framing(line: StatusLine, head: Head, method: str) -> Framing:
    """Where the body of a reply to a method ends (RFC 9112 §6.3); ``method`` is ``""`` where it is not known."""
    if method == "HEAD" or line.code[0] == "1" or line.code in ("204", "304"):
        return Framing(Body.NONE)
    if method == "CONNECT" and line.code[0] == "2":
        return Framing(Body.NONE)
    codings = _codings(line.version, head)
    if codings and _ends_chunked(codings):
        return Framing(Body.CHUNKED)
    if "chunked" in codings:
        head.faults.add(FramingFault.CHUNKED_NOT_LAST)
    return Framing(Body.CLOSE) if codings else _length(head) or Framing(Body.CLOSE)


def _ends_chunked(codings: list[str]) -> bool:
    return codings[-1] == "chunked" and codings.count("chunked") == 1


def _codings(version: str, head: Head) -> list[str]:
    """The transfer codings of a message."""
    codings = [coding.partition(";")[0].strip() for coding in head.members("transfer-encoding")]
    if codings and head.values("content-length"):
        head.faults.add(FramingFault.BOTH_LENGTHS)
    if codings and version == "1.0":
        head.faults.add(FramingFault.ENCODING_IN_1_0)
    return codings


def _length(head: Head) -> Framing | None:
    """What Content-Length tells, None where there is none; the same value several times counts once."""
    if not head.values("content-length"):
        return None
    values = set(head.members("content-length"))
    if not values or not all(_LENGTH.fullmatch(value) for value in values):
        head.faults.add(FramingFault.BAD_LENGTH)
        return Framing(Body.UNKNOWN)
    if len({int(value) for value in values}) > 1:
        head.faults.add(FramingFault.DIFFERENT_LENGTHS)
        return Framing(Body.UNKNOWN)
    return Framing(Body.LENGTH, int(values.pop()))


_SECRET = re.compile(rb"pass|pwd|secret|kennwort|access_token|credential", re.I)
_USER = re.compile(rb"user|login|mail|account|name", re.I)
_USERINFO = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://[^/@?#:]*):[^/@?#]*@")
_MASK = "********"
_MOST_TARGET = 500
_MOST_FIELDS = 8


def shown_target(target: bytes, *, show: bool = False) -> tuple[str, bool]:
    """A target or address safe to show, and whether credentials were in it; they are masked unless ``show``."""
    if b"=" not in target and b"@" not in target:
        return decoded(target[: _MOST_TARGET * 4])[:_MOST_TARGET], False
    found = _USERINFO.match(target)
    masked = found[1] + b":" + _MASK.encode() + b"@" + target[found.end() :] if found else target
    pairs = re.split(rb"([?&;#])", masked)
    secret = found is not None
    for at, pair in enumerate(pairs):
        name, equals, value = pair.partition(b"=")
        if value and _SECRET.search(name):
            secret = True
            pairs[at] = name + equals + _MASK.encode()
    return decoded((target if show else b"".join(pairs))[: _MOST_TARGET * 4])[:_MOST_TARGET], secret


def basic_user(credentials: bytes) -> tuple[str, str] | None:
    """User and password of the Basic scheme (RFC 7617 §2), safe to show; None where they are malformed."""
    try:
        user, colon, password = b64decode(credentials.strip(), validate=True).partition(b":")
    except (Error, ValueError):
        return None
    return (decoded(user)[:_MOST_REASON], decoded(password)[:_MOST_REASON]) if colon else None


def form_secrets(body: bytes) -> list[tuple[str, str]]:
    """Names and values of the fields of a urlencoded form that log somebody in; empty where no password is among them.

    ``body`` may be cut off anywhere; only the first few are given, safe to show.
    """
    pairs = [pair.partition(b"=")[::2] for pair in body.split(b"&")]
    if not any(value and _SECRET.search(name) for name, value in pairs):
        return []
    wanted = [(name, value) for name, value in pairs if _SECRET.search(name) or _USER.search(name)][:_MOST_FIELDS]
    return [(_unquoted(name), _unquoted(value)) for name, value in wanted]


def _unquoted(octets: bytes) -> str:
    return decoded(unquote_to_bytes(octets.replace(b"+", b" ")))[:_MOST_REASON]


_MEANINGS = {
    "400": "the server did not understand the request",
    "403": "the server understood and refuses",
    "404": "there is nothing at this address",
    "405": "the method is not allowed there",
    "407": "the proxy wants credentials",
    "408": "the server did not wait any longer for the request",
    "409": "the request contradicts the present state",
    "410": "what was there is gone for good",
    "411": "the server wants a Content-Length",
    "413": "the request is too large",
    "414": "the address is too long",
    "415": "the server does not take content of this type",
    "417": "the server cannot do what Expect asks for",
    "421": "the connection leads to a server that does not answer for this host",
    "422": "the server understood the form of the content and not its meaning",
    "426": "the server wants another protocol",
    "429": "too many requests; try later",
    "431": "the header of the request is too large",
    "500": "the server failed",
    "501": "the server cannot do that",
    "502": "a gateway got no valid reply from the server behind it",
    "503": "the server is overloaded or down for maintenance; try later",
    "504": "a gateway got no reply in time from the server behind it",
    "505": "the server does not speak this version of HTTP",
    "507": "the server has no room to store it",
}


def explain(code: str, *, with_credentials: bool = False) -> str:
    """What an error reply means (RFC 9110 §15, RFC 6585, RFC 4918), by its class where the code is not known.

    ``with_credentials`` tells that the request had some.
    """
    if code == "401":
        return "the credentials were not accepted" if with_credentials else "the server wants credentials"
    known = _MEANINGS.get(code)
    return known or ("the server did not accept the request" if code.startswith("4") else "the server failed")
