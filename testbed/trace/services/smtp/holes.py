"""Where a dialogue goes on behind a hole in the capture: which commands the replies there answer.

Replies come in the order of the commands (RFC 5321 §4.5.2, RFC 2920 §3.1), so behind a hole they are matched from the
end: a client that goes on has had all replies to what it had said before.  Some replies tell by themselves what they
answer.  What stays without its reply has had one all the same: it is not in the capture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from testbed.trace.model.exchange import Command, Reply
from testbed.trace.services.smtp.replies import ReplyPart
from testbed.trace.services.smtp.transactions import ends_message

COMMAND_NOT_CAPTURED = "its command is not in the capture"
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
}
_NEVER_250 = frozenset(("DATA", "AUTH", "STARTTLS", "QUIT", "connect"))
_BY_DETAIL = {"2.1.0": "MAIL", "2.1.5": "RCPT", "2.6.0": "message"}
_QUEUED = re.compile(r"\bqueued\b|\baccepted for delivery\b|\bOK id=", re.I)


class Holes:
    """What the capture misses since the client last went on.

    ``replies`` and ``commands`` tell whose octets are missing; ``pending`` are replies of which it is not known yet
    what they answer.
    """

    def __init__(self) -> None:
        self.replies = self.commands = False
        self.pending: list[tuple[Reply, list[ReplyPart]]] = []

    @property
    def open(self) -> bool:
        """Whether it is not known which command is answered next."""
        return self.replies or self.commands or bool(self.pending)

    def decides(self, commands: Sequence[Command], reply: Reply) -> bool:
        """Whether a reply shows at once which of the waiting commands it answers."""
        if reply.code in _ONLY:
            return any(_fits(command, reply) for command in commands)
        return len(commands) == 1 and not self.commands and _fits(commands[0], reply)

    def close(self) -> list[tuple[Reply, list[ReplyPart]]]:
        """Both sides are in step again.  Gives the replies that waited for this."""
        pending, self.pending = self.pending, []
        self.replies = self.commands = False
        return pending


def answered(commands: Sequence[Command], replies: Sequence[Reply], *, each: bool) -> list[int | None]:
    """For each reply the place of the command it answers, the last one that is possible; None where that is missing.

    ``each`` tells that a message may have several replies (LMTP).
    """
    found: list[int | None] = [None] * len(replies)
    end = len(commands)
    for number in reversed(range(len(replies))):
        fitting = [place for place in range(end) if _fits(commands[place], replies[number])]
        likely = [place for place in fitting if commands[place].verb == _likely(replies[number])]
        if fitting:
            place = (likely or fitting)[-1]
            found[number] = place
            end = place + (each and ends_message(commands[place]))
    return found


def answers_message(reply: Reply) -> bool:
    """Whether a reply says in words that it has taken a message."""
    return reply.code.startswith("2") and (reply.enhanced == "2.6.0" or _QUEUED.search(reply.text) is not None)


def _likely(reply: Reply) -> str:
    return "message" if answers_message(reply) else _BY_DETAIL.get(reply.enhanced, "")


def _fits(command: Command, reply: Reply) -> bool:
    only = _ONLY.get(reply.code)
    if only is not None:
        return command.verb in only
    return not (reply.code.startswith("2") and command.verb in _NEVER_250)
