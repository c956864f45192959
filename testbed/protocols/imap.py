"""The grammar of IMAP lines (RFC 3501, RFC 9051): tags, status responses, literals."""

from __future__ import annotations

import re

from testbed.protocols.text import decoded

_COMMAND = re.compile(rb"([^\s(){%*\"\\\]+]+) +([A-Za-z]+)(?: +(.*))?$", re.S)
_LITERAL = re.compile(rb"\{(\d{1,18})(\+?)\}$")
_STATUS = re.compile(rb"(\S+) +(OK|NO|BAD|PREAUTH|BYE)(?: +(.*))?$", re.S | re.I)
_NAMES = (
    "APPEND|AUTHENTICATE|CAPABILITY|CHECK|CLOSE|COMPRESS|COPY|CREATE|DELETE|DELETEACL|ENABLE|ESEARCH|EXAMINE|EXPUNGE|FETCH"
    "|GETACL|GETMETADATA|GETQUOTA|GETQUOTAROOT|ID|IDLE|LIST|LISTRIGHTS|LOGIN|LOGOUT|LSUB|MOVE|MYRIGHTS|NAMESPACE|NOOP"
    "|NOTIFY|RENAME|SEARCH|SELECT|SETACL|SETMETADATA|SETQUOTA|SORT|STARTTLS|STATUS|STORE|SUBSCRIBE|THREAD|UNAUTHENTICATE"
    "|UNSELECT|UNSUBSCRIBE|XLIST"
)
_BARE = "CAPABILITY|CHECK|CLOSE|EXPUNGE|IDLE|LOGOUT|NAMESPACE|NOOP|STARTTLS|UNAUTHENTICATE|UNSELECT"
_OF_UIDS = "COPY|EXPUNGE|FETCH|MOVE|SEARCH|SORT|STORE|THREAD"
COMMAND_LINE = re.compile(
    rf"[^\s(){{%*\"\\\]+]+ (?:(?:{_BARE})[ \t]*\Z|(?!(?:{_BARE})\b)(?:{_NAMES}) \S|UID (?:{_OF_UIDS}) \S)".encode(),
    re.I,
)
"""What a line is that can hardly be anything but a command, whatever stood before it."""
_HANDSHAKE = frozenset(("connect", "CAPABILITY", "STARTTLS", "ID"))
_SECRET = frozenset(("LOGIN", "AUTHENTICATE"))
_MASK = "********"
_MOST_DIGITS = 10
_MOST_NUMBERS = 1_000_000
_HEADER = re.compile(rb"(?i)\b(RFC822\.HEADER\b|BODY(\.PEEK)?\[HEADER\](?!<))")
_TEXT = re.compile(rb"(?i)\b(RFC822\.TEXT\b|BODY(\.PEEK)?\[TEXT\](?!<))")
_WHOLE_MESSAGE = re.compile(rb"(?:BODY|BODY\.PEEK|BINARY|BINARY\.PEEK)\[\](?!<)|\bRFC822(?![.\w])", re.I)


def literal_octets(line: bytes) -> int | None:
    """How many octets of literal follow the line (RFC 3501 §4.3), None when none do."""
    found = _LITERAL.search(line)
    return int(found.group(1)) if found else None


def split_command(line: bytes) -> tuple[str, str, str] | None:
    """Tag, command in upper case (``UID FETCH`` as one), arguments with credentials masked; None for no command."""
    found = _COMMAND.match(line)
    if found is None:
        return None
    tag, name, arguments = decoded(found.group(1)), decoded(found.group(2)).upper(), decoded(found.group(3) or b"")
    if name == "UID":
        sub, _, arguments = arguments.partition(" ")
        name = f"UID {sub.upper()}"
    if name in _SECRET and " " in arguments:
        arguments = f"{arguments.partition(' ')[0]} {_MASK}"
    return tag[:60], name[:40], arguments[:500]


def split_status(line: bytes) -> tuple[str, str, str] | None:
    """Tag (``*`` for untagged), OK/NO/BAD/PREAUTH/BYE, text; None for data."""
    found = _STATUS.match(line)
    if found is None:
        return None
    return decoded(found.group(1)), decoded(found.group(2)).upper(), decoded(found.group(3) or b"")


def response_code(text: str) -> tuple[str, str]:
    """``[OVERQUOTA]`` and the text behind it (RFC 3501 §7.1, RFC 5530); ``""`` when there is none."""
    if text.startswith("[") and "]" in text:
        code, _, rest = text[1:].partition("]")
        return code.partition(" ")[0].upper(), rest.strip()
    return "", text


def number(word: str) -> int | None:
    """A number as IMAP and POP3 write them, None for anything else (RFC 3501 §9: 32 bits)."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS else None


def sequence_set(text: str, largest: int) -> frozenset[int] | None:
    """The numbers that ``1,3:5,7:*`` names (RFC 3501 §9), ``*`` being ``largest``; None for anything else."""
    found: set[int] = set()
    for part in text.split(","):
        ends = [largest if word == "*" else number(word) for word in part.split(":", 1)]
        if None in ends:
            return None
        low, high = min(ends[0] or 0, ends[-1] or 0), max(ends[0] or 0, ends[-1] or 0)
        if high - low > _MOST_NUMBERS:
            return None
        found.update(range(low, high + 1))
    return frozenset(found)


def asks_for_messages(fetch: bytes) -> bool:
    """Whether a line with FETCH asks for messages from the first octet to the last (RFC 3501 §6.4.5, RFC 3516)."""
    return _WHOLE_MESSAGE.search(fetch) is not None


def asks_for_part(fetch: bytes) -> str:
    """``header`` or ``text`` where a line with FETCH asks for that half of messages, whole; ``both``, or ``""``."""
    header, text = _HEADER.search(fetch) is not None, _TEXT.search(fetch) is not None
    return "both" if header and text else "header" if header else "text" if text else ""


def phase_word(name: str) -> str:
    """``handshake``, ``transfer`` or ``closure``."""
    if name in _HANDSHAKE:
        return "handshake"
    return "closure" if name == "LOGOUT" else "transfer"
