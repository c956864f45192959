"""The replies that a talk can expect of a server, as they are written, and whether an answer is as expected."""

from __future__ import annotations

import re
from collections.abc import Sequence

from testbed.protocols.answers import Answer
from testbed.protocols.status_pattern import REPLY, reply_fits

_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    **dict.fromkeys(
        ("smtp", "submission", "lmtp"), (re.compile(REPLY), "250, 452 4.2.2, 5.. for any refusal, or 5.. 5.1.*")
    ),
    "pop3": (re.compile(r"\+OK|-ERR|(\+OK|-ERR) \[[A-Z/-]{1,30}\]|\+"), "+OK, -ERR, -ERR [IN-USE], or + to go on"),
    "imap": (
        re.compile(r"(OK|NO|BAD|BYE|PREAUTH)( \[[A-Z/-]{1,30}\])?|\+"),
        "OK, NO, BAD, NO [OVERQUOTA], or + to go on",
    ),
    "managesieve": (re.compile(r"(OK|NO|BYE)( \([A-Z/-]{1,30}\))?"), "OK, NO, or NO (QUOTA/MAXSIZE)"),
}


def wrong_reply(reply: str, service: str) -> str:
    """What is wrong with an expected reply, ``""`` where a server of that service can give it."""
    form, remedy = _FORMS[service]
    if form.fullmatch(reply):
        return ""
    return f"'{reply[:40]}' is not a reply of {service.upper()}; write {remedy}"


def is_as_expected(answer: Answer, expected: Sequence[str]) -> bool:
    """Whether the statuses are those expected: one for all of them, or one for each."""
    wanted = tuple(expected) * len(answer.statuses) if len(expected) == 1 else tuple(expected)
    return len(wanted) == len(answer.statuses) and all(map(reply_fits, answer.statuses, wanted))


def without_text(lines: Sequence[str], texts: Sequence[str]) -> str:
    """The first of some texts that stands in no line, ``""`` where all do; ``*`` stands for anything within a line."""
    return next((text for text in texts if not any(_stands_in(line, text.split("*")) for line in lines)), "")


def _stands_in(line: str, pieces: Sequence[str]) -> bool:
    at = 0
    for piece in pieces:
        found = line.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True
