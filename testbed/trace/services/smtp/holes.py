"""Where a dialogue goes on behind a hole in the capture: which commands the replies there answer.

Replies come in the order of the commands (RFC 5321 §4.5.2, RFC 2920 §3.1), and a client that goes on has had all
replies to what it had said before (:mod:`testbed.trace.services.pairing`).  Some replies tell by themselves what they
answer.  What stays without its reply has had one all the same: it is not in the capture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from testbed.trace.model.exchange import Command, Reply
from testbed.trace.services.lines import Place
from testbed.trace.services.pairing import Spoken, certain
from testbed.trace.services.smtp.replies import ReplyPart
from testbed.trace.services.smtp.transactions import ends_message
from testbed.trace.services.smtp.waiting import Waiting

OF_AUTH = frozenset(("334", "235", "535"))
# What a line is that can be nothing but a command, whatever stood before it.
COMMAND_LINE = re.compile(
    rb"(?:(?:EHLO|HELO|LHLO) \S+|(?:MAIL FROM|RCPT TO): ?[^\r\n]*|BDAT \d+(?: LAST)?|AUTH [A-Z0-9_-]+(?: [^\r\n]*)?"
    rb"|DATA|QUIT|RSET|STARTTLS|(?:NOOP|HELP)(?: [^\r\n]*)?|(?:VRFY|EXPN|ETRN|XCLIENT) [^\r\n]+)[ \t]*\r?\n",
    re.I,
)
_ONLY = {
    "354": ("DATA",),
    "334": ("AUTH",),
    "235": ("AUTH",),
    "221": ("QUIT",),
    "220": ("connect", "STARTTLS", "XCLIENT"),
    "252": ("VRFY", "EXPN"),
}
_NEVER_250 = frozenset(("DATA", "AUTH", "STARTTLS", "QUIT", "connect"))
_BY_DETAIL = {"2.1.0": ("MAIL", "RSET"), "2.1.5": ("RCPT", "VRFY", "EXPN")}  # what is said of nothing else
_OF_STARTTLS = re.compile(r"\b(?:TLS|SSL|go|begin|start|proceed)\b", re.I)
_INSTEAD_OF_GREETING = frozenset(("421", "521", "554"))
_MANY_LINES = frozenset(("connect", "EHLO", "LHLO", "HELP"))  # commands whose replies have more than two
_QUEUED = re.compile(r"\bqueued\b|\baccepted for delivery\b|\bOK id=", re.I)

Answer = tuple[Reply, list[ReplyPart]]


class Holes:
    """What the capture misses since the client last went on.

    ``replies`` tells that what the server said last is missing; ``pending`` are replies of which it is not known yet
    what they answer.
    """

    def __init__(self, *, each: bool) -> None:
        self._each = each
        self.replies = False
        self.pending: list[Spoken[Answer]] = []

    def is_open(self, waiting: Waiting) -> bool:
        """Whether it is not known which command is answered next."""
        return self.replies or bool(self.pending) or waiting.has_holes

    @property
    def hold_replies(self) -> bool:
        """Whether replies are missing."""
        return self.replies or any(one.behind_hole for one in self.pending)

    def add(self, reply: Reply, parts: list[ReplyPart]) -> None:
        """A reply of which it is not known what it answers."""
        first, last = parts[0][1].place, parts[-1][1].place
        self.pending.append(Spoken((reply, parts), Place(first.begin, last.end, first.heard), self.replies))
        self.replies = False

    def answered(self, waiting: Waiting, *, all_answered: bool) -> list[int | None]:
        """For each pending reply the place of the command it answers, None where that is missing, or not certain."""
        return certain(
            waiting.commands,
            self.pending,
            lambda command, answer: _fits(command, answer[0]),
            ends_in_hole=(waiting.holed, self.replies),
            all_answered=all_answered,
            several=lambda command: self._each and ends_message(command),
            begun=waiting.begun,
            unasked=lambda answer: _greets(answer[0]),
        )

    def close(self) -> None:
        """Both sides are in step again."""
        self.replies = False
        self.pending = []


def answers_message(reply: Reply) -> bool:
    """Whether a reply says in words that it has taken a message."""
    return reply.code.startswith("2") and tells_of_message(reply.enhanced, reply.text)


def tells_of_message(enhanced: str, text: str) -> bool:
    """Whether the words of a reply that refuses nothing are said of a message."""
    return enhanced == "2.6.0" or _QUEUED.search(text) is not None


def said_before(commands: Sequence[Spoken[Command]], reply: Reply) -> list[Command]:
    """The commands before the one in a hole that a reply answers; none where it may answer one of them."""
    if any(_fits(one.words, reply) for one in commands):
        return []
    return [one.words for one in takewhile(lambda one: not one.behind_hole, commands)]


def _greets(reply: Reply) -> bool:
    """Whether a 220 is a greeting, and not the reply to STARTTLS."""
    return reply.code == "220" and not reply.enhanced and _OF_STARTTLS.search(reply.text) is None


def _fits(command: Command, reply: Reply) -> bool:
    only = _ONLY.get(reply.code)
    if only is not None:
        return command.verb in only and (command.verb != "STARTTLS" or not _greets(reply))
    if len(reply.lines) > 2 and reply.code.startswith("2") and command.verb not in _MANY_LINES:
        return False
    if not reply.code.startswith("2"):
        return bool(reply.code) and (command.verb != "connect" or reply.code in _INSTEAD_OF_GREETING)
    if command.verb in _NEVER_250:
        return False
    if answers_message(reply):
        return ends_message(command)
    return command.verb in _BY_DETAIL.get(reply.enhanced, (command.verb,))
