"""POP3 (RFC 1939)."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.learn.alphabets.alphabet import GARBLED, Alphabet, Said

_OF_SEVERAL_LINES = ("CAPA", "LIST", "UIDL", "RETR", "TOP")


class Pop3Reader:
    """Answers are ``+OK`` and ``-ERR``."""

    def __init__(self) -> None:
        self._octets = b""
        self._name = ""

    def octets(self, name: str, text: str) -> bytes:
        """A command line."""
        self._name = name
        return text.encode() + b"\r\n"

    def answer(self, octets: bytes) -> str | None:
        """The status, once the lines that follow it are there, too."""
        self._octets += octets
        line, end, rest = self._octets.partition(b"\r\n")
        if not end:
            return None
        status = line.partition(b" ")[0]
        if status not in (b"+OK", b"-ERR"):
            self._octets = rest
            return GARBLED
        if status == b"+OK" and self._name in _OF_SEVERAL_LINES:
            _, end, rest = (b"\r\n" + rest).partition(b"\r\n.\r\n")
            if not end:
                return None
        self._octets = rest
        return status.decode()


def _uses_up(dialogue: Sequence[Said]) -> bool:
    """Messages that are marked are deleted upon QUIT (RFC 1939 §6)."""
    marked = False
    for said in dialogue:
        if said == ("QUIT", "+OK"):
            return marked
        marked = (marked or said == ("DELE", "+OK")) and said != ("RSET", "+OK")
    return False


POP3 = Alphabet(
    "pop3",
    110,
    {
        "USER": "USER {user}",
        "PASS": "PASS {password}",
        "STAT": "STAT",
        "LIST": "LIST",
        "UIDL": "UIDL",
        "RETR": "RETR 1",
        "TOP": "TOP 1 0",
        "DELE": "DELE 1",
        "RSET": "RSET",
        "NOOP": "NOOP",
        "CAPA": "CAPA",
        "nonsense": "XYZZY",
        "QUIT": "QUIT",
    },
    {"STLS": "STLS", "USER unknown": "USER nobody", "PASS wrong": "PASS wrong", "RETR absent": "RETR 999"},
    Pop3Reader,
    begins_tls=frozenset({("STLS", "+OK")}),  # RFC 2595
    uses_up=_uses_up,
    needs_mail=True,
)
