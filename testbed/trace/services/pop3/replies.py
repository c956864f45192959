"""Replies of POP3 in what a server says: one line, or for some commands, when it is positive, up to a lone dot.

Which it is follows from the command (RFC 1939 §3).  Where the command is not known, because the capture has holes, what
comes behind the line tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from testbed.plural import count
from testbed.protocols.imap import number
from testbed.protocols.pop3 import is_multi_line
from testbed.protocols.text import decoded
from testbed.trace.model.exchange import Command
from testbed.trace.services.lines import Line, Place
from testbed.trace.services.messages import MessageKeeper
from testbed.trace.services.reading.results import Told

MESSAGES = frozenset(("RETR", "TOP"))
_LISTS = frozenset(("LIST", "UIDL"))
_MAX_LINES_KEPT = 50
_MAX_OFFERS = 1_000
_MAX_TOLD = 100_000
_MAX_DOUBTFUL = 1_000
_STATUS = re.compile(rb"(?:\+OK|-ERR)(?: |\Z)|\+(?: |\Z)")
_FIELD = re.compile(rb"[!-9;-~]+:")  # how a message begins


@dataclass(slots=True)
class Pop3Reply:
    """A reply as far as it has come.  ``kept`` are the first of its ``count`` lines behind the ``first``.

    ``many`` tells that it goes on up to a lone dot, None where nobody knows; ``holed`` that the capture does not hold
    all of it; ``ended`` that it came to its end, or its reader went on.
    """

    first: Line
    many: bool | None = False
    kept: list[str] = field(default_factory=list)
    count: int = 0
    octets: int = 0
    last: Line | None = None
    told: list[Told] = field(default_factory=list)
    holed: bool = False
    ended: bool = True

    @property
    def status(self) -> str:
        """``+OK``, ``-ERR``, ``+``, or whatever stands in its place."""
        return decoded(self.first.content).partition(" ")[0]

    @property
    def text(self) -> str:
        """What stands behind the status."""
        return decoded(self.first.content).partition(" ")[2]

    @property
    def frames(self) -> tuple[int, ...]:
        """Those of its first line, and the last."""
        last = self.last or self.first
        return tuple(dict.fromkeys((*self.first.frames, last.frames[-1])))

    @property
    def place(self) -> Place:
        """Where it was said."""
        return Place(self.first.place.begin, (self.last or self.first).place.end, self.first.place.heard)

    def summary(self, *, of_message: bool) -> list[str]:
        """Its lines for eyes, of a message how many there are."""
        kept = [] if of_message else self.kept[:_MAX_LINES_KEPT]
        if self.holed or self.count <= len(kept):
            return kept
        so_far = "" if self.ended else " so far"
        return [*kept, f"{count(self.count, 'line')}, {count(self.octets, 'octet')}{so_far}"]


class Pop3Replies:
    """Takes the lines of a server and gives replies.  With ``tells``, they have every line of LIST and UIDL."""

    def __init__(self, keeper: MessageKeeper, *, tells: bool) -> None:
        self._keeper = keeper
        self._tells = tells
        self._reply: Pop3Reply | None = None  # on its way
        self._verb = ""  # what it answers, as far as is known
        self._undecided = False  # the next line tells whether it goes on
        self._line_begun = False  # the next line of a listing begins in the middle
        self._torn = False  # behind a hole, within a listing or not
        self._doubtful: list[Line] = []  # replies, or lines of a listing that goes on behind the hole

    @property
    def is_idle(self) -> bool:
        """Whether the next line begins a reply."""
        return self._reply is None and not self._torn

    @property
    def lists(self) -> bool:
        """Whether a listing is on its way."""
        return self._reply is not None and not self._undecided

    def begin(self, line: Line, command: Command | None) -> Iterator[Pop3Reply]:
        """A line that begins the reply to a command."""
        reply = Pop3Reply(line, octets=line.octets)
        verb = command.verb if command is not None else ""
        if command is not None and line.content.startswith(b"+OK") and is_multi_line(verb, command.argument):
            self._list(reply, verb)
            return
        if line.content.startswith(b"+OK "):
            self._tell(reply, line.content[4:], verb)
        yield reply

    def goes_on(self, line: Line) -> Iterator[Pop3Reply]:
        """A line of a listing, or one of which it is not known what it belongs to."""
        if self._torn:
            self._behind_hole(line)
        elif self._reply is None:
            self._open(line)
        elif self._undecided and _STATUS.match(line.content):
            yield from self.flush()
            self._open(line)
        else:
            if self._undecided:
                verb = self._verb if _FIELD.match(line.content) else ""
                self._list(self._reply, verb if verb in MESSAGES else "")
            yield from self._listed(self._reply, line)

    def may_answer(self, verb: str) -> None:
        """Messages that come next are those of a command."""
        self._verb = verb

    def hole(self, octets: int, rest: Line | None, *, goes_on: bool) -> Iterator[Pop3Reply]:
        """The capture misses octets, behind the ``rest`` of a line; ``goes_on`` tells that no other reply may begin."""
        if self.lists and self._reply is not None and goes_on:
            if rest is not None:
                self._keep(rest)
            self._keeper.hole(octets)
            self._reply.holed = self._line_begun = True
            return
        if self.lists and self._reply is not None:
            self._reply.holed = True
            yield self._end(self._reply, complete=False)
        elif self._reply is not None:  # the listing may have begun in the hole
            self._reply.holed, self._reply.many, self._undecided = True, None, False
            yield self._end(self._reply, complete=False)
        self._torn = True
        self._doubtful.clear()

    def flush(self) -> Iterator[Pop3Reply]:
        """The client went on: what has begun came to its end, in a hole where the capture does not hold it."""
        for line in self._doubtful:
            yield Pop3Reply(line, octets=line.octets)
        self._torn = False
        self._doubtful.clear()
        if self._reply is not None and self._undecided:
            reply, self._reply, self._undecided = self._reply, None, False
            yield reply
        elif self._reply is not None and self._reply.holed:
            yield self._end(self._reply, complete=False)

    def cut_off(self, rest: Line | None) -> Iterator[Pop3Reply]:
        """Nothing more comes."""
        if not self.lists:
            self._doubtful.clear()
            yield from self.flush()
        elif self._reply is not None:
            if rest is not None:
                self._keep(rest)
            self._reply.ended = False
            yield self._end(self._reply, complete=False)

    def forget(self) -> None:
        """What follows is said anew."""
        self._reply, self._undecided, self._torn = None, False, False
        self._doubtful.clear()

    def _open(self, line: Line) -> None:
        if _STATUS.match(line.content):
            self._reply, self._undecided = Pop3Reply(line, octets=line.octets), True

    def _behind_hole(self, line: Line) -> None:
        if line.content == b".":  # the end of a listing whose beginning is missing
            self._torn = False
            self._doubtful.clear()
        elif _STATUS.match(line.content) and len(self._doubtful) < _MAX_DOUBTFUL:
            self._doubtful.append(line)

    def _list(self, reply: Pop3Reply, verb: str) -> None:
        self._reply, self._verb, self._undecided, self._line_begun = reply, verb, False, False
        reply.many = True
        if verb in MESSAGES:
            self._keeper.begin(verb)

    def _listed(self, reply: Pop3Reply, line: Line) -> Iterator[Pop3Reply]:
        reply.octets += line.octets
        reply.last = line
        if line.content == b"." and not self._line_begun and line.raw.endswith(b"\n"):
            self._keeper.add(b"", line.frames)
            yield self._end(reply, complete=True)
            return
        begun = self._line_begun
        self._keep(line)
        if begun and reply.holed:
            return
        reply.count += 1
        self._tell(reply, line.content, self._verb)
        if reply.count <= (_MAX_OFFERS if self._verb == "CAPA" else _MAX_LINES_KEPT):
            reply.kept.append(decoded(line.content[1:] if line.content.startswith(b".") else line.content))

    def _end(self, reply: Pop3Reply, *, complete: bool) -> Pop3Reply:
        self._keeper.end(complete=complete)
        self._reply, self._verb = None, ""
        return reply

    def _tell(self, reply: Pop3Reply, line: bytes, verb: str) -> None:
        """Keep a line of LIST or UIDL."""
        if not self._tells or verb not in _LISTS or len(reply.told) >= _MAX_TOLD:
            return
        numbered, _, words = decoded(line).partition(" ")
        told = number(numbered)
        if told is not None:
            reply.told.append(Told(verb, number=told, words=words.strip()))

    def _keep(self, line: Line) -> None:
        stuffed = line.raw.startswith(b".") and not self._line_begun
        self._keeper.add(line.raw[1:] if stuffed else line.raw, line.frames)
        self._line_begun = not line.raw.endswith(b"\n")
