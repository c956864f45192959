"""The grammar of IMAP lines (RFC 3501, RFC 9051): tags, status responses, literals."""

from __future__ import annotations

import re

from testbed.protocols.text import decoded

_COMMAND = re.compile(rb"([^\s(){%*\"\\\]+]+) +([A-Za-z]+)(?: +(.*))?$", re.S)
_LITERAL = re.compile(rb"\{(\d{1,18})(\+?)\}$")
_STATUS = re.compile(rb"(\S+) +(OK|NO|BAD|PREAUTH|BYE)(?: +(.*))?$", re.S | re.I)
_HANDSHAKE = frozenset(("connect", "CAPABILITY", "STARTTLS", "ID"))
_SECRET = frozenset(("LOGIN", "AUTHENTICATE"))
_MASK = "********"
_MOST_FOUND = 20
# What FETCH calls a message from its first octet to its last (RFC 3501 §6.4.5, RFC 3516).
_WHOLE_MESSAGE = re.compile(r"(?:BODY|BODY\.PEEK|BINARY|BINARY\.PEEK)\[\](?!<)|\bRFC822(?![.\w])", re.I)


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


def search_result(words: list[str]) -> str:
    """What SEARCH found, in words: ``SEARCH found 2, 3``; the first twenty (RFC 3501 §7.2.5)."""
    numbers = [word for word in words if word.isdigit() and len(word) <= 10]
    more = f" and {len(numbers) - _MOST_FOUND} more" if len(numbers) > _MOST_FOUND else ""
    return f"SEARCH found {', '.join(numbers[:_MOST_FOUND]) or 'nothing'}{more}"


def found_by_search(told: str) -> frozenset[int] | None:
    """The numbers in :func:`search_result`, None where the text is none or leaves some out."""
    found = re.search(r"SEARCH found (nothing|\d+(?:, \d+)*)( and )?", told)
    if found is None or found.group(2):
        return None
    return frozenset(int(number) for number in re.findall(r"\d+", found.group(1)))


def fetched_messages(argument: str, told: tuple[str, ...]) -> int:
    """How many whole messages FETCH has brought: ``argument`` as it was asked, ``told`` what the dialogue says came."""
    if _WHOLE_MESSAGE.search(argument) is None:
        return 0
    found = re.search(r"\b(\d+) FETCH\b", told[-1] if len(told) > 1 else "")
    return int(found.group(1)) if found else 0


def phase_word(name: str) -> str:
    """``handshake``, ``transfer`` or ``closure``."""
    if name in _HANDSHAKE:
        return "handshake"
    return "closure" if name == "LOGOUT" else "transfer"
