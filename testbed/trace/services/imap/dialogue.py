"""The IMAP dialogue (RFC 3501, RFC 9051) as pairs of command and tagged reply.

Untagged data counts towards the command it comes before the completion of; a literal's octets are counted and not read,
but for messages somebody asked for.  From STARTTLS on, only what keys opened is followed, unless both go on in clear.
"""

from __future__ import annotations

from msgspec.structs import replace

from testbed.protocols.imap import (
    COMMAND_LINE,
    asks_for_messages,
    asks_for_part,
    phase_word,
    response_code,
    split_command,
    split_status,
)
from testbed.protocols.text import decoded
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.exchange import (
    COMMAND_NOT_CAPTURED,
    NOT_CAPTURED,
    Command,
    Exchange,
    Reply,
    Transaction,
)
from testbed.trace.model.mail import ReadMail
from testbed.trace.model.phase import Phase
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.services.awaiting import is_behind
from testbed.trace.services.behind_tls import BehindTls, is_record
from testbed.trace.services.credentials import MASK, Credentials
from testbed.trace.services.imap.half import Half
from testbed.trace.services.imap.untagged import UntaggedData
from testbed.trace.services.lines import Line
from testbed.trace.services.messages import MessageKeeper, OnMessage
from testbed.trace.services.reading.results import ReadingResult
from testbed.trace.tcp.reassembly import Chunk, Gap

_MAX_EXCHANGES = 1_000_000
_OPENS = frozenset(("SELECT", "EXAMINE"))
_FETCHES = frozenset(("FETCH", "UID FETCH"))
_MAX_SECRET = 500  # octets of a literal that is a name or a password


class ImapDialogue:
    """Feed it what both sides said; :meth:`finish` gives the exchanges.

    ``show_credentials`` shows names and passwords, which are otherwise masked.  ``on_message`` is given each message
    that was fetched or appended.  With ``tells``, results have what the server told line by line.
    """

    def __init__(
        self, *, show_credentials: bool = False, on_message: OnMessage | None = None, tells: bool = False
    ) -> None:
        self._halves = tuple(Half(side, MessageKeeper(on_message, side, reads=True)) for side in (CLIENT, SERVER))
        self._open: dict[str, Command] = {}
        self._said: dict[str, int] = {}  # the number of each open command, by its tag
        self._number = self._missed = 0  # of the last command; of the last that may have been answered in a hole
        self._doubtful: set[str] = set()  # tags of what looks like a command behind a hole, until one is answered
        self._holed = False  # something is missing, now or earlier
        self._hole_last = False  # nothing came of the server behind its last hole
        self._hole_end: int | None = None  # of that
        self._fetching: dict[str, bool] = {}  # whether an open FETCH asks for whole messages, by its tag
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
        if isinstance(item, Gap):
            self._gap(item)
            return
        if (item.decrypted and not self._encrypted) or (self._secret and self._behind.is_clear(item)):
            self._secret, self._encrypted, self._answering = False, item.decrypted, False
            for each in self._halves:
                each.forget()
        if self._secret or (self._encrypted and not item.decrypted):
            return
        half = self._halves[item.side]
        if self._holed and not half.literal and is_record(item):
            self._secret = True  # STARTTLS, or the reply to it, was in a hole
            return
        half.lines.add(item)
        if item.side == CLIENT and self._hole_last:
            self._go_on_behind_hole(half, item)
        else:
            self._hole_last = False
            self._read(half)

    def _go_on_behind_hole(self, half: Half, chunk: Chunk) -> None:
        """The client goes on: what comes now answers what it says now, or what is lost."""
        self._data.holed = False
        self._halves[SERVER].torn = bool(self._fetching)  # text may go on
        self._read(half)
        if is_behind(self._hole_end, chunk.heard):
            self._miss_replies()

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""
        return self._remarks.in_order()

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood; IMAP has no transactions of its own."""
        for half in self._halves:
            half.keeper.end(complete=False)
        for tag, command in self._open.items():
            if tag in self._doubtful:
                continue
            lost = self._may_have_missed(tag)
            note = NOT_CAPTURED if lost else "no reply"
            result = ReadingResult(mail=self._mail(command))
            self._add(Exchange(Phase(phase_word(command.verb)), command, None, note, result, unseen=lost))
        self._behind.settle(self._exchanges)
        return tuple(self._exchanges), ()

    def _gap(self, gap: Gap) -> None:
        """A literal may go on behind a hole; what else has begun does not."""
        if self._secret or (gap.encrypted and not self._encrypted):
            self._behind.is_clear(gap)
            self._secret = True
            return
        self._holed = True
        goes_on = self._halves[gap.side].hole(gap.octets)
        if gap.side == CLIENT and not goes_on:
            self._answering = False
        elif gap.side == SERVER and not goes_on:
            self._greeted = self._hole_last = True
            self._hole_end = gap.end
            self._miss_replies()

    def _miss_replies(self) -> None:
        """What is open may have been answered, with more data than the capture holds."""
        self._missed = self._number
        self._data, self._response = UntaggedData(holed=True), b""

    def _may_have_missed(self, tag: str) -> bool:
        """Whether an open command may have been answered where the capture has a hole."""
        return self._said.get(tag, self._missed + 1) <= self._missed

    def _read(self, half: Half) -> None:
        while len(half.lines) and not self._secret:
            if half.literal:
                self._literal(half)
                continue
            line = half.lines.line()
            if line is None:
                return
            continued, half.in_literal_line = half.in_literal_line, False
            if not continued:
                half.begins(line)
                (self._client_line if half.side == CLIENT else self._server_line)(line)
            elif half.side == SERVER and self._response:
                self._response += line.content
            if not half.announces(line) and half.side == SERVER and self._response:
                self._data.tell(self._response)
                self._response = b""

    def _literal(self, half: Half) -> None:
        octets, frames, of_message = half.take()
        if half.side != CLIENT:
            self._data.octets += len(octets)
        elif not of_message:
            self._secret_literal(octets, frames)

    def _client_line(self, line: Line) -> None:
        waiting = self._open.get(self._last_tag)
        half = self._halves[CLIENT]
        is_command = (half.torn or self._answering) and COMMAND_LINE.match(line.content) is not None
        if half.torn and not is_command:  # the rest of a command, a message, or a secret
            self._last_tag = ""
            return
        if self._answering and not (is_command and self._may_have_missed(self._last_tag)):
            if waiting is not None and waiting.verb == "AUTHENTICATE":
                self._show(waiting, self._auth.response(line.content, line.frames, encrypted=self._encrypted))
            return
        found = split_command(line.content)
        if found is None:
            return
        self._answering = False
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
        self._number += 1
        self._said[tag] = self._number
        if half.torn:
            self._doubtful.add(tag)
        self._open[tag] = Command(name, arguments, line.frames, line.time_ns, line.octets)
        if name in _FETCHES:
            whole = asks_for_messages(line.content)
            self._fetching[tag] = whole or self._completes(name, arguments, line.content)
        self._last_tag = tag
        half.has_messages = name == "APPEND"

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
            self._completed(line, status)
        elif self._halves[SERVER].torn:
            return
        elif status is not None and status[1] == "BYE":
            text = status[2]
            reply = Reply("BYE", "", (text,), line.frames, line.time_ns, line.time_ns, line.octets)
            self._add(Exchange(Phase.CLOSURE, None, reply, ""))
        elif status is not None and status[0] != "*" and self._holed:
            self._complete(None, line, status)
        else:
            self._data.add(line)
            self._response = line.content if self._tells else b""

    def _completed(self, line: Line, status: tuple[str, str, str]) -> None:
        """The reply to a command, which shows that both are what they look like."""
        tag = status[0]
        if tag in self._doubtful:
            self._halves[CLIENT].torn = False
            self._doubtful.clear()
        self._halves[SERVER].torn = self._answering = False
        self._refused_literal(status)
        fetching = self._fetching.pop(tag, False)
        self._data.holed = self._data.holed or self._may_have_missed(tag)
        del self._said[tag]
        self._complete(self._open.pop(tag), line, status, fetching=fetching)

    def _refused_literal(self, status: tuple[str, str, str]) -> None:
        """A literal the client only announced never comes once its command is refused (RFC 3501 §7.5)."""
        half = self._halves[CLIENT]
        if half.announced and status[0] == self._last_tag and status[1] in ("NO", "BAD"):
            half.refuse()

    def _complete(
        self, command: Command | None, line: Line, status: tuple[str, str, str] | None, *, fetching: bool = False
    ) -> None:
        """A reply with the data before it; ``command`` is None where that is not in the capture."""
        _, word, text = status or ("", "", decoded(line.content)[:500])
        code, rest = response_code(text)
        data, self._data = self._data, UntaggedData()
        summary = data.summary()
        lines = (f"[{code}] {rest}".strip() if code else rest, *([summary] if summary else []))
        frames = tuple(dict.fromkeys((*data.frames, *line.frames)))
        first = data.first_time or line.time_ns
        reply = Reply(word, "", lines, frames, first, line.time_ns, line.octets + data.octets)
        note = {"NO": f"refused: {rest}", "BAD": f"not understood: {rest}", "": "not an IMAP reply"}.get(word, "")
        note = note if command is not None else note or COMMAND_NOT_CAPTURED
        phase = Phase(phase_word(command.verb)) if command is not None else Phase.TRANSFER
        result = self._result(command, word, code, data, fetching=fetching)
        self._add(Exchange(phase, command, reply, note, result, unseen=command is None))
        if command is not None and command.verb == "STARTTLS" and word == "OK":
            behind = next(iter(self._open.values()), None)
            if behind is not None:
                self._remarks.note("commands-behind-starttls", behind.frames, behind.verb)
            self._secret = True
            self._behind.expect()

    def _result(
        self, command: Command | None, word: str, code: str, data: UntaggedData, *, fetching: bool
    ) -> ReadingResult:
        mail = self._mail(command) if command is not None else ()
        result = ReadingResult(code=code, told=tuple(data.told), mail=mail)
        if data.holed:
            return result
        result = replace(result, removed=data.removed)
        if word != "OK" or command is None:
            return result
        listed = data.numbers.get("EXISTS") if command.verb in _OPENS else None
        return replace(result, listed=listed, fetched=data.fetched if fetching else 0, found=data.found_all())

    def _mail(self, command: Command) -> tuple[ReadMail, ...]:
        """The messages that came since the last completion: with FETCH, or by themselves, or that APPEND sent."""
        return self._halves[CLIENT if command.verb == "APPEND" else SERVER].keeper.read()

    def _add(self, exchange: Exchange) -> None:
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._exchanges.append(exchange)
