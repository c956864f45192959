"""The stages of POP3 and IMAP dialogues, and the replies there are in them."""

from __future__ import annotations

import re
from typing import Literal

ReadingStage = Literal[
    "POP3 connect",
    "POP3 CAPA",
    "POP3 STLS",
    "POP3 USER",
    "POP3 PASS",
    "POP3 STAT",
    "POP3 LIST",
    "POP3 UIDL",
    "POP3 RETR",
    "POP3 TOP",
    "POP3 DELE",
    "POP3 RSET",
    "POP3 NOOP",
    "POP3 QUIT",
    "IMAP connect",
    "IMAP CAPABILITY",
    "IMAP STARTTLS",
    "IMAP LOGIN",
    "IMAP AUTHENTICATE",
    "IMAP SELECT",
    "IMAP EXAMINE",
    "IMAP LIST",
    "IMAP STATUS",
    "IMAP APPEND",
    "IMAP SEARCH",
    "IMAP FETCH",
    "IMAP STORE",
    "IMAP COPY",
    "IMAP MOVE",
    "IMAP EXPUNGE",
    "IMAP CLOSE",
    "IMAP IDLE",
    "IMAP NOOP",
    "IMAP LOGOUT",
]

_REPLIES = {
    "POP3": (re.compile(r"(?:\+OK|-ERR)(?: [\x20-\x7e]*)?"), "-ERR [SYS/TEMP] Try again later"),
    "IMAP": (re.compile(r"(?:OK|NO|BAD|BYE) [\x20-\x7e]+"), "NO [UNAVAILABLE] Try again later"),
}


def protocol_of(stage: str) -> str:
    """``POP3``, ``IMAP``, or ``""`` for a stage of SMTP."""
    protocol = stage.partition(" ")[0]
    return protocol if protocol in _REPLIES else ""


def check_reply(protocol: str, reply: str) -> None:
    """Raise ValueError for what is no reply of POP3 or IMAP."""
    pattern, example = _REPLIES[protocol]
    if not pattern.fullmatch(reply) or len(reply) > 500:
        article = "a" if protocol == "POP3" else "an"
        raise ValueError(f"'{reply[:40]}' is not {article} {protocol} reply; write e.g. {example}")
