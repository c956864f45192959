"""POP3 (RFC 1939): commands by their names, replies by the command they answer."""

from __future__ import annotations

import re
from collections import deque

from testbed.redact.dialogues.dialogue import CLIENT, Tools, divided

_COMMAND = re.compile(rb"(\s*([A-Za-z]{3,8})\b)(.*)\Z", re.S)
_STATUS = re.compile(rb"(\+OK|-ERR)(?= |\Z)")
_KNOWN = frozenset(b"USER PASS APOP STAT LIST UIDL RETR TOP DELE RSET NOOP QUIT CAPA STLS AUTH UTF8 LANG XTND".split())
_MANY = frozenset((b"LIST", b"UIDL", b"RETR", b"TOP", b"CAPA", b"AUTH", b"LANG"))
_MESSAGES = frozenset((b"RETR", b"TOP"))
_LISTED = re.compile(rb"(\d+)( )(.*)\Z", re.S)
_MOST_WAITING = 10_000


class Pop3:
    """A connection with a POP3 server."""

    def __init__(self, tools: Tools) -> None:
        self.corrections: list[tuple[int, bytes]] = []
        self._texts = tools.texts
        self._message = tools.message()
        self._waiting: deque[tuple[bytes, bool]] = deque(maxlen=_MOST_WAITING)
        self._many = b""  # the command whose lines come
        self._credentials = False

    def room(self, side: int) -> int | None:
        return None

    def gap(self, side: int, octets: int) -> None:
        self._waiting.clear()

    def line(self, side: int, line: bytes) -> bytes:
        content, end = divided(line)
        if side == CLIENT:
            return self._said(content) + end
        if self._many in _MESSAGES and content != b".":
            return self._message.feed(line)
        return self._answer(content, line) if not end else self._answer(content, line[: len(content)]) + end

    def _said(self, content: bytes) -> bytes:
        command = _COMMAND.match(content)
        if self._credentials or command is None or command[2].upper() not in _KNOWN:
            return self._texts.base64(content)
        verb, told = command[2].upper(), command[3]
        self._waiting.append((verb, bool(told.strip())))
        if verb == b"AUTH":
            self._credentials = True
            mechanism, blank, initial = told.lstrip().partition(b" ")
            begin = told[: len(told) - len(told.lstrip())]
            return command[1] + begin + mechanism + blank + (self._texts.base64(initial) if initial else b"")
        return command[1] + (self._texts.names(told) if verb in (b"USER", b"PASS", b"APOP") else self._numbers(told))

    def _numbers(self, told: bytes) -> bytes:
        return told if re.fullmatch(rb"[\s\d]*", told) else self._texts.sentence(told)

    def _answer(self, content: bytes, line: bytes) -> bytes:
        if content == b".":
            self._many = b""
            return content
        if self._many:
            listed = _LISTED.match(content)
            if listed is None:
                return self._texts.sentence(content)
            digits = self._many == b"LIST" and listed[3].strip().isdigit()
            return listed[1] + listed[2] + (listed[3] if digits else self._texts.names(listed[3]))
        status = _STATUS.match(content)
        if status is None:
            if content[:1] == b"+":
                return b"+" + self._texts.base64(content[1:].lstrip()).rjust(len(content) - 1)
            return self._message.feed(content)
        self._answered(status[1] == b"+OK")
        return status[1] + self._status_text(content[len(status[1]) :])

    def _answered(self, fine: bool) -> None:
        verb, told = self._waiting.popleft() if self._waiting else (b"", False)
        self._credentials = False
        if fine and verb in _MANY and (not told or verb in _MESSAGES):
            self._many = verb
            if verb in _MESSAGES:
                self._message.restart()

    def _status_text(self, text: bytes) -> bytes:
        return re.sub(rb"<[^<>\s]*>|[^<>]+|[<>]", self._part, text)

    def _part(self, found: re.Match[bytes]) -> bytes:
        return self._texts.names(found[0]) if found[0][:1] == b"<" else self._texts.sentence(found[0])
