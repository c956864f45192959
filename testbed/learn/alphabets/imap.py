"""IMAP4rev2 (RFC 9051)."""

from __future__ import annotations

import re

from testbed.learn.alphabets.alphabet import GARBLED, Alphabet, Said

_LITERAL = re.compile(rb"\{(\d{1,9})\}$")
_STATUS = (b"OK", b"NO", b"BAD", b"PREAUTH", b"BYE")
_UNTAGGED = "DONE"  # what ends IDLE (RFC 2177) is no command


class ImapReader:
    """Answers are ``OK``, ``NO`` and ``BAD``; with ``BYE`` before them where the server has said that it will close;
    ``+`` where the client is to go on.
    """

    def __init__(self) -> None:
        self._octets = b""
        self._tag = b"*"
        self._number = 0
        self._said_bye = False

    def octets(self, name: str, text: str) -> bytes:
        """A command line with a tag of its own."""
        if name == _UNTAGGED:
            return text.encode() + b"\r\n"
        self._number += 1
        self._tag = b"a%d" % self._number
        return self._tag + b" " + text.encode() + b"\r\n"

    def answer(self, octets: bytes) -> str | None:
        """The status of the command."""
        self._octets += octets
        while (line := self._line()) is not None:
            tag, _, rest = line.partition(b" ")
            status = rest.partition(b" ")[0].upper()
            if tag == self._tag:
                told = status.decode() if status in _STATUS else GARBLED
                return f"BYE {told}" if self._said_bye else told
            if tag == b"+":
                return "+"
            if tag != b"*":
                return GARBLED
            self._said_bye |= status == b"BYE"
        return None

    def _line(self) -> bytes | None:
        """The next response without its literals' octets, once it is whole."""
        text, at = b"", 0
        while (end := self._octets.find(b"\r\n", at)) >= 0:
            text += self._octets[at:end]
            literal = _LITERAL.search(text)
            at = end + 2
            if literal is None:
                self._octets = self._octets[at:]
                return text
            at += int(literal[1])
        return None


def _would_send(last: Said | None, name: str) -> bool:
    return (name == _UNTAGGED) == (last == ("IDLE", "+"))


IMAP = Alphabet(
    "imap",
    143,
    {
        "LOGIN": 'LOGIN "{user}" "{password}"',
        "SELECT": "SELECT INBOX",
        "EXAMINE": "EXAMINE INBOX",
        "SELECT unknown": "SELECT nowhere",
        "LIST": 'LIST "" "*"',
        "STATUS": "STATUS INBOX (MESSAGES)",
        "FETCH": "FETCH 1 (FLAGS)",
        "STORE": r"STORE 1 +FLAGS (\Flagged)",
        "SEARCH": "SEARCH ALL",
        "CLOSE": "CLOSE",
        "UNSELECT": "UNSELECT",
        "NOOP": "NOOP",
        "CAPABILITY": "CAPABILITY",
        "nonsense": "XYZZY",
        "LOGOUT": "LOGOUT",
    },
    {
        "IDLE": "IDLE",
        _UNTAGGED: _UNTAGGED,
        "LOGIN wrong": 'LOGIN "{user}" "wrong"',
        "STARTTLS": "STARTTLS",
        "EXPUNGE": "EXPUNGE",
    },
    ImapReader,
    _would_send,
    frozenset({("STARTTLS", "OK")}),
    needs_mail=True,
)
