"""Servers that end mail data before its end, and obey what is hidden behind that place (RFC 5321 §4.1.1.4).

Where a client sends everything at once, only the replies tell: a server that saw more commands than the client had said
gives more replies than the client had waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from msgspec import Struct

from testbed.trace.model.exchange import Command, Exchange, Reply
from testbed.trace.model.remark import Remarks
from testbed.trace.services.lines import Line
from testbed.trace.services.messages import MessageKeeper
from testbed.trace.services.smtp.message import FalseEnd, MessageReader
from testbed.trace.services.smtp.record import Place
from testbed.trace.services.smtp.replies import ReplyPart
from testbed.trace.services.smtp.transactions import ends_message

_MAX_READ_AGAIN = 1 << 18  # octets of the client that turn out to be commands behind a false end of data


@dataclass(slots=True)
class Doubt:
    """A message that may have ended too early, until a reply tells.

    ``place`` is the record's before it.  ``lines`` are what the client has said behind the false end, ``replies`` what
    the server has said since.
    """

    end: FalseEnd
    place: Place
    suspicions: Remarks
    lines: list[Line]
    replies: list[tuple[Reply, list[ReplyPart]]] = field(default_factory=list)


class _EarlyEnd(Struct, frozen=True):
    """Where a server ended mail data; ``at`` is the number of exchanges before that of the message."""

    end: FalseEnd
    at: int


class Ends:
    """Where messages ended, or may have ended, for the server."""

    def __init__(self, remarks: Remarks, keeper: MessageKeeper) -> None:
        self._remarks = remarks
        self._keeper = keeper
        self._doubt: Doubt | None = None
        self._early: list[_EarlyEnd] = []
        self._octets = 0  # read again, or to be

    @property
    def again(self) -> bool:
        """Whether what a client said may be read another time."""
        return self._octets < _MAX_READ_AGAIN

    @property
    def in_doubt(self) -> bool:
        """Whether nobody knows yet where the last message ended."""
        return self._doubt is not None

    @property
    def found(self) -> bool:
        """Whether the server has ended a message too early."""
        return bool(self._early)

    def ended(self, reader: MessageReader, place: Place | None) -> None:
        """A message is at its end; ``place`` is the record's before it, None where replies to earlier commands lack."""
        end = reader.doubtful_end
        if end is None or end.behind is None or place is None or not self.again:
            self._remarks.take(reader.suspicions)
            self._keeper.end(complete=True)
        else:
            self._doubt = Doubt(end, place, reader.suspicions, end.behind)

    def said(self, line: Line) -> None:
        """The client said something."""
        if self._doubt is not None:
            self._doubt.lines.append(line)
            self._octets += len(line.raw)

    def answered(self, command: Command | None, reply: Reply, parts: list[ReplyPart]) -> Doubt | None:
        """The server answered what has waited longest.  Gives the message in doubt where it ended too early."""
        doubt = self._doubt
        if doubt is None:
            return None
        doubt.replies.append((reply, parts))
        if _answers_something_else(command, reply):
            self._doubt = None
            return doubt
        if reply.code == "221" or not self.again:
            self.settle()
        return None

    def settle(self) -> None:
        """Nothing has shown that the message in doubt ended too early."""
        if self._doubt is not None:
            self._remarks.take(self._doubt.suspicions)
            self._keeper.end(complete=True)
            self._doubt = None

    def early(self, end: FalseEnd, at: int, lines: Sequence[Line]) -> None:
        """The server ended a message there, behind so many exchanges; the lines behind it are read again."""
        self._early.append(_EarlyEnd(end, at))
        self._octets += sum(len(line.raw) for line in lines)
        self._keeper.end(complete=True, position=end.kept)

    def tell(self, exchanges: Sequence[Exchange]) -> None:
        """Remark on what the server made of early ends."""
        for early in self._early:
            own, *later = exchanges[early.at :]
            behind = list(takewhile(lambda exchange: exchange.command is None or exchange.command.verb != ".", later))
            mail = next((exchange for exchange in behind if exchange.command and exchange.command.verb == "MAIL"), None)
            message = next(
                (exchange for exchange in behind if exchange.command and ends_message(exchange.command)), None
            )
            name, frames = early.end.name or "a lone dot", (*early.end.command.frames[-1:], *own.reply_frames)
            if mail is not None and _taken(mail) and early.end.alien:
                frames += (*mail.frames, *(message.reply_frames if message is not None else ()))
                deed = (
                    "took the hidden message" if message is not None and _taken(message) else "obeyed the hidden MAIL"
                )
                self._remarks.note("smuggled", tuple(sorted(set(frames))), f"{name} and {deed}")
            elif _taken(own):
                self._remarks.note("data-ended-early", tuple(sorted(set(frames))), name)


def _answers_something_else(command: Command | None, reply: Reply) -> bool:
    """Whether a reply cannot be meant for the command that has waited longest."""
    if command is None:
        return reply.code != "421"
    if command.verb == "QUIT":
        return reply.code not in ("221", "421")
    return reply.code == "221" or (reply.code == "354" and command.verb != "DATA")


def _taken(exchange: Exchange) -> bool:
    return exchange.reply is not None and exchange.reply.code.startswith("2")
