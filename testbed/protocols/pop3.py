"""The grammar of POP3 lines (RFC 1939 §3, RFC 2449)."""

from __future__ import annotations

import re

from testbed.protocols.text import decoded

# fmt: off
COMMANDS = frozenset((
    "APOP", "AUTH", "CAPA", "DELE", "LANG", "LIST", "NOOP", "PASS", "QUIT", "RETR", "RSET", "STAT", "STLS", "TOP",
    "UIDL", "USER", "UTF8", "XTND",
))
# fmt: on
COMMAND_LINE = re.compile(
    rb"(?:CAPA|LIST|NOOP|QUIT|RSET|STAT|STLS|UIDL|UTF8|(?:USER|PASS|LANG|XTND) \S.*|APOP \S+ [0-9a-f]{32}"
    rb"|(?:DELE|LIST|RETR|UIDL) \d+|TOP \d+ \d+|AUTH(?: [A-Z0-9_-]+(?: \S+)?)?)[ \t]*\Z",
    re.I | re.S,
)
"""What a line is that can be nothing but a command, whatever stood before it."""
_ALWAYS_MANY = frozenset(("RETR", "TOP", "CAPA"))
_MANY_WITHOUT_ARGUMENT = frozenset(("LIST", "UIDL"))
_HANDSHAKE = frozenset(("connect", "CAPA", "STLS"))
_MASK = "********"


def split_command(line: bytes) -> tuple[str, str]:
    """Keyword in upper case and argument; passwords and digests are masked."""
    keyword, _, argument = decoded(line).partition(" ")
    keyword, argument = keyword.upper()[:40], argument.strip()[:500]
    if keyword == "PASS":
        argument = _MASK
    elif keyword in ("APOP", "AUTH") and " " in argument:
        argument = f"{argument.partition(' ')[0]} {_MASK}"
    return keyword, argument


def is_multi_line(keyword: str, argument: str) -> bool:
    """Whether a positive reply to the command goes on up to a lone dot."""
    return keyword in _ALWAYS_MANY or (keyword in _MANY_WITHOUT_ARGUMENT and not argument)


def phase_word(keyword: str) -> str:
    """``handshake``, ``transfer`` or ``closure``."""
    if keyword in _HANDSHAKE:
        return "handshake"
    return "closure" if keyword == "QUIT" else "transfer"
