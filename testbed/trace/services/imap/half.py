"""One side of an IMAP dialogue: its lines, its literals, and the messages in them (RFC 3501 §4.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from testbed.protocols.imap import COMMAND_LINE, literal_octets
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.services.lines import Line, LineBuffer
from testbed.trace.services.messages import MessageKeeper

_FETCHED = re.compile(rb"(?:BODY\[\]|BINARY\[\]|RFC822)(<\d+>)? ~?\{\d+\}$", re.I)
_IS_FETCH = re.compile(rb"\* \d+ FETCH ", re.I)
# A literal of APPEND is a message, unless it is the mailbox or a piece of one (RFC 3501 §6.3.11, RFC 4469).
_NO_MESSAGE = re.compile(rb"(?:\S+ +APPEND +~?\{\d+\+?\}|.*\bCATENATE\b.*)$", re.I | re.S)


@dataclass(slots=True)
class Half:
    """One side: its lines, and what is left of a literal."""

    side: int
    keeper: MessageKeeper
    lines: LineBuffer = field(default_factory=LineBuffer)
    literal: int = 0
    announced: bool = False  # none of the literal was sent yet, and it waits to be asked for
    in_literal_line: bool = False  # what follows a literal belongs to the line before it
    has_messages: bool = False  # literals of this line may be messages
    torn: bool = False  # nothing behind its last hole has shown yet that it is no part of a literal

    def forget(self) -> None:
        """Throw away what has begun."""
        self.lines.clear()
        self.literal, self.in_literal_line = 0, False

    def hole(self, octets: int) -> bool:
        """Octets are missing: a literal goes on behind them, a line does not.  Tells whether one does."""
        self.lines.clear()
        self.announced = False
        goes_on = octets <= self.literal > 0
        self.keeper.hole(min(octets, self.literal))
        self.literal = self.literal - octets if goes_on else 0
        if not self.literal:
            self.keeper.end(complete=False)
        if not goes_on:
            self.in_literal_line, self.torn = False, True
        return goes_on

    def begins(self, line: Line) -> None:
        """A line that goes on no literal."""
        self.has_messages = self.side == SERVER and _IS_FETCH.match(line.content) is not None

    def announces(self, line: Line) -> bool:
        """Begin the literal that a line announces, and tell whether it does; behind a hole, text does not."""
        literal = literal_octets(line.content)
        telling = COMMAND_LINE if self.side == CLIENT else _IS_FETCH
        if literal is None or (self.torn and telling.match(line.content) is None):
            return False
        self.literal, self.in_literal_line = literal, True
        self.announced = literal > 0 and not line.content.endswith(b"+}")
        if self.has_messages:
            self._begin_message(line)
        return True

    def refuse(self) -> None:
        """What was announced never comes."""
        self.literal, self.in_literal_line, self.announced = 0, False, False
        self.keeper.drop()

    def take(self) -> tuple[bytes, tuple[int, ...], bool]:
        """The next octets of a literal, their frames, and whether they are of a message."""
        octets, frames, _ = self.lines.take(self.literal)
        self.literal -= len(octets)
        self.announced, keeps = False, self.keeper.keeps
        self.keeper.add(octets, frames)
        if not self.literal:
            self.keeper.end(complete=True)
        return octets, frames, keeps

    def _begin_message(self, line: Line) -> None:
        if self.side == SERVER:
            found = _FETCHED.search(line.content)
            if found is None:
                return
            self.keeper.begin("FETCH", part=found.group(1) is not None)
        elif _NO_MESSAGE.match(line.content):
            self.has_messages = b"CATENATE" not in line.content.upper()
            return
        else:
            self.keeper.begin("APPEND")
        if not self.literal:
            self.keeper.end(complete=True)
