"""The IMAP dialogue (RFC 3501, RFC 9051) as pairs of command and tagged reply.

Untagged data counts towards the command it comes before the completion of; a literal's octets are counted and not read,
but for messages somebody asked for.  From STARTTLS on, only what keys opened is followed, unless both go on in clear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from testbed.protocols.imap import (
    asks_for_messages,
    asks_for_part,
    literal_octets,
    phase_word,
    response_code,
    split_command,
    split_status,
)
from testbed.protocols.text import decoded
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.exchange import NOT_CAPTURED, Command, Exchange, Reply, Transaction
from testbed.trace.model.mail import ReadMail
from testbed.trace.model.phase import Phase
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.services.behind_tls import BehindTls
from testbed.trace.services.credentials import MASK, Credentials
from testbed.trace.services.imap.untagged import UntaggedData
from testbed.trace.services.lines import Line, LineBuffer
from testbed.trace.services.messages import MessageKeeper, OnMessage
from testbed.trace.services.reading.results import ReadingResult
from testbed.trace.tcp.reassembly import Chunk, Gap

_MAX_EXCHANGES = 1_000_000
_OPENS = frozenset(("SELECT", "EXAMINE"))
_FETCHES = frozenset(("FETCH", "UID FETCH"))
_MAX_SECRET = 500  # octets of a literal that is a name or a password
_FETCHED = re.compile(rb"(?:BODY\[\]|BINARY\[\]|RFC822)(<\d+>)? ~?\{\d+\}$", re.I)
_IS_FETCH = re.compile(rb"\* \d+ FETCH ", re.I)
# A literal of APPEND is a message, unless it is the mailbox or a piece of one (RFC 3501 §6.3.11, RFC 4469).
_NO_MESSAGE = re.compile(rb"(?:\S+ +APPEND +~?\{\d+\+?\}|.*\bCATENATE\b.*)$", re.I | re.S)


@dataclass(slots=True)
class _Half:
    """One side: its lines, and what is left of a literal."""

    keeper: MessageKeeper
    lines: LineBuffer = field(default_factory=LineBuffer)
    literal: int = 0
    announced: bool = False  # none of the literal was sent yet, and it waits to be asked for
    in_literal_line: bool = False  # what follows a literal belongs to the line before it
    has_messages: bool = False  # literals of this line may be messages

    def forget(self) -> None:
        self.lines.clear()
        self.literal, self.in_literal_line = 0, False


class ImapDialogue:
    """Feed it what both sides said; :meth:`finish` gives the exchanges.

    ``show_credentials`` shows names and passwords, which are masked else.  ``on_message`` is given each message that
    was fetched or appended.  With ``tells``, results have what the server told line by line.
    """

    def __init__(
        self, *, show_credentials: bool = False, on_message: OnMessage | None = None, tells: bool = False
    ) -> None:
        self._halves = tuple(_Half(MessageKeeper(on_message, side, reads=True)) for side in (CLIENT, SERVER))
        self._open: dict[str, Command] = {}
        self._lost: set[str] = set()  # tags of those that may have been answered where the capture has a hole
        self._fetching: set[str] = set()  # tags of open commands that ask for whole messages
        self._headers: set[tuple[str, str]] = set()  # commands, and the messages whose header they asked for
        self._greeted = False
        self._data = UntaggedData()
        self._tells = tells
        self._response = b""  # of the server, as far as it has come, without its literals
        self._exchanges: list[Exchange] = []
        self._secret = False
        self._encrypted = False
        self._last_tag = ""
        self._answering = False  # the client's lines are no commands: credentials, or DONE after IDLE
        self._remarks = Remarks()
        self._behind = BehindTls(self._remarks)
        self._auth = Credentials(self._remarks, show=show_credentials)

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        half = self._halves[item.side]
        if isinstance(item, Gap):
            self._greeted = self._greeted or not item.octets
            if item.side == SERVER:
                self._lost |= self._open.keys()
            half.lines.clear()
            half.keeper.hole(min(item.octets, half.literal))
            half.literal = max(0, half.literal - item.octets)
            half.announced = False
            if half.keeper.keeps and not half.literal:
                half.keeper.end(complete=False)
            return
        if (item.decrypted and not self._encrypted) or (self._secret and self._behind.is_clear(item)):
            self._secret, self._encrypted, self._answering = False, item.decrypted, False
            for each in self._halves:
                each.forget()
        if self._secret or (self._encrypted and not item.decrypted):
            return
        half.lines.add(item)
        self._read(half, item.side)

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""
        return self._remarks.in_order()

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood; IMAP has no transactions of its own."""
        for half in self._halves:
            half.keeper.end(complete=False)
        for tag, command in self._open.items():
            lost = tag in self._lost
            note = NOT_CAPTURED if lost else "no reply"
            result = ReadingResult(mail=self._mail(command))
            self._add(Exchange(Phase(phase_word(command.verb)), command, None, note, result, unseen=lost))
        self._behind.settle(self._exchanges)
        return tuple(self._exchanges), ()

    def _read(self, half: _Half, side: int) -> None:
        while len(half.lines) and not self._secret:
            if half.literal:
                self._literal(half, side)
                continue
            line = half.lines.line()
            if line is None:
                return
            continued, half.in_literal_line = half.in_literal_line, False
            if not continued:
                half.has_messages = side == SERVER and _IS_FETCH.match(line.content) is not None
                (self._client_line if side == CLIENT else self._server_line)(line)
            elif side == SERVER and self._response:
                self._response += line.content
            literal = literal_octets(line.content)
            if side == SERVER and self._response and literal is None:
                self._data.tell(self._response)
                self._response = b""
            if literal is not None:
                half.literal, half.in_literal_line = literal, True
                half.announced = literal > 0 and not line.content.endswith(b"+}")
                if half.has_messages:
                    self._begin_message(half, line, side)

    def _begin_message(self, half: _Half, line: Line, side: int) -> None:
        if side == SERVER:
            found = _FETCHED.search(line.content)
            if found is None:
                return
            half.keeper.begin("FETCH", part=found.group(1) is not None)
        elif _NO_MESSAGE.match(line.content):
            half.has_messages = b"CATENATE" not in line.content.upper()
            return
        else:
            half.keeper.begin("APPEND")
        if not half.literal:
            half.keeper.end(complete=True)

    def _literal(self, half: _Half, side: int) -> None:
        octets, frames, _ = half.lines.take(half.literal)
        half.literal -= len(octets)
        half.announced = False
        if side != CLIENT:
            self._data.octets += len(octets)
        elif not half.keeper.keeps:
            self._secret_literal(octets, frames)
        half.keeper.add(octets, frames)
        if not half.literal:
            half.keeper.end(complete=True)

    def _client_line(self, line: Line) -> None:
        waiting = self._open.get(self._last_tag)
        if self._answering:
            if waiting is not None and waiting.verb == "AUTHENTICATE":
                self._show(waiting, self._auth.response(line.content, line.frames, encrypted=self._encrypted))
            return
        found = split_command(line.content)
        if found is None:
            return
        tag, name, arguments = found
        if name == "AUTHENTICATE":
            sent = b"AUTH " + line.content.split(None, 2)[2] if arguments else b""
            arguments = self._auth.begin(sent, arguments, line.frames, encrypted=self._encrypted)
        elif name == "LOGIN" and arguments:
            self._auth.seen("LOGIN", line.frames, encrypted=self._encrypted)
            if self._auth.show:
                arguments = decoded(line.content.split(None, 2)[2])[:_MAX_SECRET]
        elif tag.upper() in ("LOGIN", "AUTHENTICATE"):
            arguments = MASK  # the tag was forgotten
        if len(self._open) >= _MAX_EXCHANGES:
            return
        self._lost.discard(tag)
        self._open[tag] = Command(name, arguments, line.frames, line.time_ns, line.octets)
        if name in _FETCHES and (asks_for_messages(line.content) or self._completes(name, arguments, line.content)):
            self._fetching.add(tag)
        self._last_tag = tag
        self._halves[CLIENT].has_messages = name == "APPEND"

    def _completes(self, name: str, arguments: str, fetch: bytes) -> bool:
        """Whether a FETCH asks for the text of messages whose header was asked for: then it brings them whole."""
        part, which = asks_for_part(fetch), (name, arguments.partition(" ")[0])
        if part == "header" and len(self._headers) < _MAX_EXCHANGES:
            self._headers.add(which)
        return part == "both" or (part == "text" and which in self._headers)

    def _secret_literal(self, octets: bytes, frames: tuple[int, ...]) -> None:
        """A piece of a literal of the client that is no message: the name or password of LOGIN, when it is."""
        waiting = self._open.get(self._last_tag)
        if waiting is not None and waiting.verb == "LOGIN":
            self._show(waiting, decoded(octets)[:_MAX_SECRET])

    def _show(self, command: Command, text: str) -> None:
        """Add to the arguments of an open command, where credentials are to be shown."""
        if self._auth.show and len(command.argument) < _MAX_SECRET:
            self._open[self._last_tag] = replace(command, argument=f"{command.argument} {text}")

    def _server_line(self, line: Line) -> None:
        if line.content.startswith(b"+"):
            waiting = self._open.get(self._last_tag)
            self._answering = waiting is not None and waiting.verb in ("AUTHENTICATE", "IDLE")
            return
        status = split_status(line.content)
        if not self._greeted:
            self._greeted = True
            self._complete(Command("connect", "", (), 0, 0), line, status)
        elif status is not None and status[0] in self._open:
            self._answering = False
            self._refused_literal(status)
            fetching = status[0] in self._fetching
            self._fetching.discard(status[0])
            self._complete(self._open.pop(status[0]), line, status, fetching=fetching)
        elif status is not None and status[1] == "BYE":
            text = status[2]
            reply = Reply("BYE", "", (text,), line.frames, line.time_ns, line.time_ns, line.octets)
            self._add(Exchange(Phase.CLOSURE, None, reply, ""))
        else:
            self._data.add(line)
            self._response = line.content if self._tells else b""

    def _refused_literal(self, status: tuple[str, str, str]) -> None:
        """A literal the client only announced never comes once its command is refused (RFC 3501 §7.5)."""
        half = self._halves[CLIENT]
        if half.announced and status[0] == self._last_tag and status[1] in ("NO", "BAD"):
            half.literal, half.in_literal_line, half.announced = 0, False, False
            half.keeper.drop()

    def _complete(
        self, command: Command, line: Line, status: tuple[str, str, str] | None, *, fetching: bool = False
    ) -> None:
        _, word, text = status or ("", "", decoded(line.content)[:500])
        code, rest = response_code(text)
        data, self._data = self._data, UntaggedData()
        summary = data.summary()
        lines = (f"[{code}] {rest}".strip() if code else rest, *([summary] if summary else []))
        frames = tuple(dict.fromkeys((*data.frames, *line.frames)))
        first = data.first_time or line.time_ns
        reply = Reply(word, "", lines, frames, first, line.time_ns, line.octets + data.octets)
        note = {"NO": f"refused: {rest}", "BAD": f"not understood: {rest}", "": "not an IMAP reply"}.get(word, "")
        result = ReadingResult(code=code, told=tuple(data.told), removed=data.removed, mail=self._mail(command))
        if word == "OK":
            listed = data.numbers.get("EXISTS") if command.verb in _OPENS else None
            fetched = data.fetched if fetching else 0
            result = replace(result, listed=listed, fetched=fetched, found=data.found_all())
        self._add(Exchange(Phase(phase_word(command.verb)), command, reply, note, result))
        if command.verb == "STARTTLS" and word == "OK":
            behind = next(iter(self._open.values()), None)
            if behind is not None:
                self._remarks.note("commands-behind-starttls", behind.frames, behind.verb)
            self._secret = True
            self._behind.expect()

    def _mail(self, command: Command) -> tuple[ReadMail, ...]:
        """The messages that came since the last completion: with FETCH, or by themselves, or that APPEND sent."""
        return self._halves[CLIENT if command.verb == "APPEND" else SERVER].keeper.read()

    def _add(self, exchange: Exchange) -> None:
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._exchanges.append(exchange)
