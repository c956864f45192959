"""Names of folders in what IMAP clients and servers say (RFC 3501 §9, ``mailbox``)."""

from __future__ import annotations

import re

_NAME = r'(?:"((?:[^"\\]|\\.)*)"|([^\s(){}"]+))'
_FIRST, _LAST = re.compile(_NAME), re.compile(f"{_NAME}$")
_STATUS = re.compile(rf"{_NAME} \(.*?\bMESSAGES (\d{{1,10}})", re.I)


def first_name(argument: str) -> str:
    """The name at the beginning, ``""`` where there is none; INBOX is so written however it was."""
    return _name(_FIRST.match(argument))


def last_name(argument: str) -> str:
    """The name at the end, as :func:`first_name` has it."""
    return _name(_LAST.search(argument))


def status_of(words: str) -> tuple[str, int] | None:
    """What a STATUS response says: the folder, and how many messages it has."""
    found = _STATUS.match(words)
    return (_name(found), int(found[3])) if found is not None else None


def _name(found: re.Match[str] | None) -> str:
    if found is None:
        return ""
    quoted, bare = found.group(1), found.group(2)
    name = (quoted if quoted is not None else bare or "").replace('\\"', '"').replace("\\\\", "\\")
    return "INBOX" if name.upper() == "INBOX" else name
