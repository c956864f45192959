"""SMTP (RFC 5321), and LMTP (RFC 2033), which answers a message once for each recipient."""

from __future__ import annotations

import re

from testbed.learn.alphabets.alphabet import GARBLED, Alphabet, Said

_MESSAGE = "Subject: a message\r\n\r\nThis is to learn by.\r\n."
_BEGINS_TLS = frozenset({("STARTTLS", "220")})  # RFC 3207
_LINE = re.compile(rb"(\d\d\d)([ -]|$)")

_TRANSACTION = {
    "MAIL": "MAIL FROM:<{sender}>",
    "RCPT": "RCPT TO:<{recipient}>",
    "RCPT unknown": "RCPT TO:<{nobody}>",
    "DATA": "DATA",
    "message": _MESSAGE,
    "RSET": "RSET",
    "NOOP": "NOOP",
    "VRFY": "VRFY {recipient}",
    "nonsense": "XYZZY",
    "QUIT": "QUIT",
}
_MORE = {
    "STARTTLS": "STARTTLS",
    "HELP": "HELP",
    "EXPN": "EXPN {user}",
    "HELO without name": "HELO",
    "MAIL without address": "MAIL FROM:",
    "RCPT without address": "RCPT TO:",
    "AUTH": "AUTH PLAIN AHg6eA==",
}


def _would_send(last: Said | None, name: str) -> bool:
    return (name == "message") == (last == ("DATA", "354"))


class SmtpReader:
    """Answers are reply codes."""

    def __init__(self) -> None:
        self._octets = b""

    def octets(self, name: str, text: str) -> bytes:
        """A command line, or the message with its final dot."""
        return text.encode() + b"\r\n"

    def answer(self, octets: bytes) -> str | None:
        """The code of the next reply."""
        self._octets += octets
        while b"\n" in self._octets:
            line, _, self._octets = self._octets.partition(b"\n")
            found = _LINE.match(line.rstrip(b"\r"))
            if found is None:
                return GARBLED
            if found[2] != b"-":
                return found[1].decode()
        return None


class LmtpReader(SmtpReader):
    """To a message, the codes for all recipients, each once."""

    def __init__(self) -> None:
        super().__init__()
        self._name = ""
        self._recipients = 0
        self._codes: list[str] = []

    def octets(self, name: str, text: str) -> bytes:
        """As SMTP's."""
        self._name, self._codes = name, []
        return super().octets(name, text)

    def answer(self, octets: bytes) -> str | None:
        """The code of the next reply; behind a message those of as many as recipients were taken."""
        while (code := super().answer(octets)) is not None:
            octets = b""
            self._codes.append(code)
            if self._name != "message" or len(self._codes) >= self._recipients:
                self._count(code)
                return "+".join(dict.fromkeys(self._codes))
        return None

    def _count(self, code: str) -> None:
        if self._name.startswith("RCPT"):
            self._recipients += code.startswith("2")
        elif self._name == "message" or (self._name in ("MAIL", "RSET", "LHLO") and code.startswith("2")):
            self._recipients = 0


SMTP = Alphabet(
    "smtp",
    25,
    {"HELO": "HELO {client}", "EHLO": "EHLO {client}", **_TRANSACTION},
    _MORE,
    SmtpReader,
    _would_send,
    _BEGINS_TLS,
)
LMTP = Alphabet("lmtp", 24, {"LHLO": "LHLO {client}", **_TRANSACTION}, _MORE, LmtpReader, _would_send, _BEGINS_TLS)
