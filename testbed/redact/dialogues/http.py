"""HTTP/1.1 (RFC 9112): start lines, fields, bodies as long as the header says.  HTTP/2 is not understood."""

from __future__ import annotations

import re
from collections import deque

from testbed.redact.dialogues.dialogue import CLIENT, Tools, divided

_REQUEST = re.compile(rb"([A-Z]{3,20} )(.*?)( HTTP/\d\.\d)?\Z", re.S)
_STATUS = re.compile(rb"(HTTP/\d\.\d \d{3})(.*)\Z", re.S)
_FIELD = re.compile(rb"([!-9;-~]+)([ \t]*:[ \t]*)(.*)\Z", re.S)
_SIZE = re.compile(rb"\s*([0-9A-Fa-f]{1,15})\s*(?:;.*)?\Z", re.S)
_PORT = re.compile(rb":\d{1,5}\Z")
_SENTENCES = frozenset(
    b"""content-type content-length transfer-encoding content-encoding connection keep-alive server user-agent date
    expires last-modified accept accept-encoding accept-language accept-ranges cache-control pragma vary upgrade
    age te trailer allow expect retry-after x-frame-options x-content-type-options strict-transport-security
    content-language proxy-connection content-security-policy x-powered-by sec-fetch-site sec-fetch-mode
    sec-fetch-dest sec-fetch-user upgrade-insecure-requests""".split()
)
_NAMES = frozenset(
    b"""host location referer origin cookie set-cookie etag if-none-match if-modified-since if-match authorization
    proxy-authorization www-authenticate via x-forwarded-for forwarded content-location content-disposition
    link""".split()
)
_SCHEME = re.compile(rb"(Basic|Bearer|Digest|Negotiate|NTLM)( +)(.*)\Z", re.I | re.S)
_POLICY = re.compile(rb"(?:version|mode|mx|max_age)[ \t]*:", re.I)
_MOST_WAITING = 10_000
_TO_CLOSE = 1 << 62


class _Side:
    """``step`` is start, head, body, size (of a chunk), chunk, behind (a chunk) or trailer."""

    def __init__(self) -> None:
        self.step = "start"
        self.left = 0
        self.head: dict[bytes, bytes] = {}
        self.start = b""


class Http:
    """A connection with a web server."""

    def __init__(self, tools: Tools) -> None:
        self.corrections: list[tuple[int, bytes]] = []
        self._texts = tools.texts
        self._filler = tools.filler
        self._sides = (_Side(), _Side())
        self._methods: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._opaque = False

    def room(self, side: int) -> int | None:
        mine = self._sides[side]
        return mine.left if mine.step in ("body", "chunk") and mine.left < _TO_CLOSE else None

    def gap(self, side: int, octets: int) -> None:
        mine = self._sides[side]
        if mine.step in ("body", "chunk") and octets <= mine.left:
            mine.left -= octets
            self._ended_part(mine)
        else:
            mine.step = "lost"

    def line(self, side: int, line: bytes) -> bytes:
        mine = self._sides[side]
        if self._opaque:
            return self._filler.octets(line)
        if mine.step in ("body", "chunk"):
            mine.left -= len(line)
            new = self._body(mine, line)
            self._ended_part(mine)
            return new
        content, end = divided(line)
        if mine.step in ("start", "lost"):
            return self._start(side, mine, content) + end
        if mine.step == "size":
            return self._chunk_size(mine, content) + end
        if mine.step == "behind":
            mine.step = "size"
            return self._filler.line(content) + end
        if content:
            return self._field(mine, content) + end
        mine.step = "start" if mine.step == "trailer" else self._framing(side, mine)
        return end

    def _start(self, side: int, mine: _Side, content: bytes) -> bytes:
        if content == b"PRI * HTTP/2.0":
            self._opaque = True
            return content
        found = (_REQUEST if side == CLIENT else _STATUS).match(content)
        if found is None:
            return self._filler.line(content)
        mine.step, mine.start = "head", content
        mine.head.clear()
        if side == CLIENT:
            self._methods.append(found[1].strip())
            return found[1] + self._target(found[2]) + (found[3] or b"")
        return found[1] + self._texts.sentence(found[2])

    def _target(self, target: bytes) -> bytes:
        if b"/.well-known/" in target:
            return self._texts.sentence(target)
        port = _PORT.search(target)
        at = port.start() if port is not None else len(target)
        path, question, query = target[:at].partition(b"?")
        return self._path(path) + question + self._form(query) + target[at:]

    def _path(self, path: bytes) -> bytes:
        """Words of paths that name nobody stay; what stands before a path is a host."""
        at = path.find(b"/", path.find(b"://") + 3 if b"://" in path else 0)
        at = at if at >= 0 else len(path)
        return self._texts.names(path[:at]) + self._texts.sentence(path[at:])

    def _form(self, text: bytes) -> bytes:
        """Fields of a form by their names, which stay where they name nobody; what they hold does not."""
        return b"&".join(map(self._pair, text.split(b"&")))

    def _pair(self, pair: bytes) -> bytes:
        name, equals, value = pair.partition(b"=")
        return (self._texts.sentence(name) if equals else self._texts.names(name)) + equals + self._texts.names(value)

    def _field(self, mine: _Side, content: bytes) -> bytes:
        found = _FIELD.match(content)
        if found is None:
            return self._texts.names(content)
        name, value = found[1].lower(), found[3]
        mine.head[name] = value.strip().lower()
        told = found[1] if name in _SENTENCES or name in _NAMES else self._texts.sentence(found[1])
        return told + found[2] + self._value(name, value)

    def _value(self, name: bytes, value: bytes) -> bytes:
        if name in _SENTENCES:
            return self._texts.sentence(value)
        scheme = _SCHEME.match(value) if name.endswith(b"authorization") else None
        if scheme is not None:
            return scheme[1] + scheme[2] + self._texts.base64(scheme[3])
        return self._target(value) if name in (b"host", b"location", b"origin") else self._texts.names(value)

    def _framing(self, side: int, mine: _Side) -> str:
        """What follows the header (RFC 9112 §6.3)."""
        if side != CLIENT:
            code = mine.start.split(b" ")[1][:3]
            if code[:1] == b"1" and code != b"101":
                return "start"
            method = self._methods.popleft() if self._methods else b""
            if code == b"101" or (method == b"CONNECT" and code[:1] == b"2"):
                self._opaque = True
                return "start"
            if code in (b"204", b"304") or method == b"HEAD":
                return "start"
        if b"chunked" in mine.head.get(b"transfer-encoding", b""):
            return "size"
        told = mine.head.get(b"content-length", b"")
        if told.isdigit() and len(told) < 19:
            mine.left = int(told)
            return "body" if mine.left else "start"
        if side == CLIENT:
            return "start"
        mine.left = _TO_CLOSE
        return "body"

    def _chunk_size(self, mine: _Side, content: bytes) -> bytes:
        size = _SIZE.match(content)
        if size is None:
            mine.step = "lost"
            return self._filler.line(content)
        mine.left = int(size[1], 16)
        mine.step = "chunk" if mine.left else "trailer"
        return size[1].rjust(size.end(1)) + self._texts.names(content[size.end(1) :])

    def _ended_part(self, mine: _Side) -> None:
        if mine.left:
            return
        mine.step = "behind" if mine.step == "chunk" else "start"

    def _body(self, mine: _Side, line: bytes) -> bytes:
        content, end = divided(line)
        kind = mine.head.get(b"content-type", b"")
        if mine.head.get(b"content-encoding", b"identity") != b"identity" or not _is_text(content):
            return self._filler.octets(line)
        if b"urlencoded" in kind:
            return self._form(content) + end
        if b"plain" in kind and _POLICY.match(content):
            return self._texts.sentence(content) + end
        return self._filler.line(content) + end


def _is_text(content: bytes) -> bool:
    return not any(octet < 0x20 and octet not in b"\t\x0c\x1b\r" for octet in content)
