"""SMTP and LMTP (RFC 5321, RFC 2033): commands by their names, whatever is no command is a message's.

So a command that somebody has smuggled into a message stays one, and a message that ended where nobody knows is a
message still.
"""

from __future__ import annotations

import re

from testbed.redact.dialogues.dialogue import CLIENT, Tools, divided

_PATH = re.compile(
    rb"(\s*(?:MAIL\s+FROM|RCPT\s+TO|SEND\s+FROM|SOML\s+FROM|SAML\s+FROM)\s*:\s*)(<[^>]*>|\S*)(.*)\Z", re.I | re.S
)
_HELLO = re.compile(rb"(\s*(?:EHLO|HELO|LHLO)\b\s*)(.*)\Z", re.I | re.S)
_ALONE = re.compile(rb"\s*(?:DATA|RSET|QUIT|NOOP|STARTTLS|TURN|HELP|BDAT\s+\d+(?:\s+LAST)?)\s*\Z", re.I)
_NAMED = re.compile(
    rb"(\s*(?:VRFY|EXPN|HELP|NOOP|ETRN|ATRN|BURL|PROXY|X[\w-]{2,20}|ONEX|VERB|STARTTLS|DATA|QUIT|RSET|BDAT)\b)(.*)\Z",
    re.I | re.S,
)
_REQUEST = re.compile(rb"((?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|DELETE) )(\S+)( HTTP/\d\.\d)\Z")  # to a wrong port
_ATTRIBUTES = re.compile(rb"\s*(?:XCLIENT|XFORWARD|PROXY|VERB|BDAT)\b", re.I)
_AUTH = re.compile(rb"(\s*AUTH\s+[\w-]+)(\s*)(.*)\Z", re.I | re.S)
_CHUNK = re.compile(rb"\s*BDAT\s+(\d{1,18})(\s+LAST)?\s*\Z", re.I)
_REPLY = re.compile(rb"(\d{3}(?:[ -]|\Z)(?:[245]\.\d{1,3}\.\d{1,3}(?= |\Z))?)(.*)\Z", re.S)
_PROMPTS = (b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6", b"dXNlcm5hbWU6", b"cGFzc3dvcmQ6", b"VXNlciBOYW1lAA==", b"UGFzc3dvcmQA")
_PARAMETER = re.compile(rb"([A-Za-z][\w-]*)(=)?(\S*)")
_ADDRESSED = (b"ORCPT", b"AUTH", b"ENVID")


class Smtp:
    """A connection with a mail server."""

    def __init__(self, tools: Tools) -> None:
        self.corrections: list[tuple[int, bytes]] = []
        self._texts = tools.texts
        self._message = tools.message(self._smuggled)
        self._in_message = False  # behind DATA, as far as can be told
        self._credentials = False
        self._chunk = 0  # octets of it that are still to come
        self._chunks = False
        self._begun = b""  # a line that goes on in the next chunk
        self._since = 0  # octets said since
        self._lost = False  # a message may have begun in a gap

    def room(self, side: int) -> int | None:
        return self._chunk or None if side == CLIENT else None

    def gap(self, side: int, octets: int) -> None:
        if side == CLIENT:
            self._lost = self._lost or octets > self._chunk or not octets
            self._chunk = max(0, self._chunk - octets)
            self._begun = b""

    def line(self, side: int, line: bytes) -> bytes:
        content, end = divided(line)
        if side == CLIENT:
            new = self._said(line, content, end)
            self._since += len(line)
            return new
        return self._answer(content) + end

    def _said(self, line: bytes, content: bytes, end: bytes) -> bytes:
        if self._chunk:
            self._chunk -= len(line)
            return self._in_chunk(line)
        if self._credentials and not _ALONE.match(content):
            return self._texts.base64(content) + end
        self._credentials = False
        if self._in_message and content == b".":
            self._in_message = self._lost = False
            return line
        if self._in_message and not (self._message.fresh and self._smuggled(content)):
            return self._message.feed(line)
        self._in_message = False  # DATA was refused
        command = self._command(content)
        if command is not None:
            return command + end
        return self._message.feed(line) if self._lost or self._chunks else self._texts.names(content) + end

    def _in_chunk(self, line: bytes) -> bytes:
        """A line of a chunk; one that goes on in the next is told twice, the second time as part of a whole line."""
        if not self._chunk and self._chunks and line[-1:] != b"\n":
            self._begun, self._since = self._begun + line, -len(line)
            return self._filler(line)
        whole = self._message.feed(self._begun + line)
        if self._begun:
            self.corrections.append((self._since + len(self._begun) + len(line), whole[: len(self._begun)]))
        new, self._begun = whole[len(self._begun) :], b""
        return new

    def _filler(self, line: bytes) -> bytes:
        return bytes(0x78 if 0x20 <= octet < 0x7F else octet if octet < 0x20 else 0x3F for octet in line)

    def _smuggled(self, text: bytes) -> bytes | None:
        """A line of a message that some server may take for a command."""
        if not self._in_message:
            return None
        return text if _ALONE.match(text) else self._greeting_or_path(text)

    def _greeting_or_path(self, text: bytes) -> bytes | None:
        path = _PATH.match(text)
        if path is not None:
            return path[1] + self._texts.names(path[2]) + self._parameters(path[3])
        hello = _HELLO.match(text)
        return hello[1] + self._texts.names(hello[2]) if hello is not None else None

    def _command(self, content: bytes) -> bytes | None:
        """A command, None for what is none."""
        if _ALONE.match(content):
            self._alone(content)
            return content
        found = self._greeting_or_path(content)
        if found is not None:
            return found
        auth = _AUTH.match(content)
        if auth is not None:
            self._credentials = True
            code = auth[3] if auth[3] in (b"", b"=", b"*") else self._texts.base64(auth[3])
            return auth[1] + auth[2] + code
        named = _NAMED.match(content)
        if named is not None:
            told = self._texts.sentence if _ATTRIBUTES.match(content) else self._texts.names
            return self._texts.sentence(named[1]) + told(named[2])
        request = _REQUEST.match(content)
        if request is not None:
            return request[1] + self._texts.names(request[2]) + request[3]
        return None

    def _alone(self, content: bytes) -> None:
        chunk = _CHUNK.match(content)
        if chunk is not None and not self._in_message:
            self._chunk = int(chunk[1])
            if not self._chunks:
                self._message.restart()
            self._chunks = chunk[2] is None
        elif content.strip().upper() == b"DATA":
            self._in_message, self._lost = True, False
            self._message.restart()
        elif content.strip().upper() == b"RSET":
            self._chunks = False

    def _parameters(self, text: bytes) -> bytes:
        return _PARAMETER.sub(self._parameter, text)

    def _parameter(self, found: re.Match[bytes]) -> bytes:
        if found[1].upper() in _ADDRESSED and found[2]:
            kind, semicolon, address = found[3].partition(b";")
            value = kind + semicolon + self._texts.names(address) if semicolon else self._texts.names(found[3])
            return found[1] + b"=" + value
        return self._texts.sentence(found[0])

    def _answer(self, content: bytes) -> bytes:
        reply = _REPLY.match(content)
        if reply is None:
            return self._texts.names(content)
        if reply[1][:3] != b"334":
            self._credentials = False
        if reply[1][:3] == b"334":
            code = reply[2].strip()
            if code in _PROMPTS or not code:
                return content
            at = content.rfind(code)
            return content[:at] + self._texts.base64(code) + content[at + len(code) :]
        return reply[1] + self._texts.sentence(reply[2])
