"""The SMTP dialogue (RFC 5321, 1870, 2920, 3030, 3207, 4954) as pairs of command and reply.

What the client's octets are depends on its :class:`~testbed.trace.services.smtp.modes.Mode`.
Behind DATA, STARTTLS and AUTH only the reply tells what the client's next octets are, so they wait for it.
"""

from __future__ import annotations

from testbed.protocols.smtp import BEGINS_TLS, COMMANDS, split_command
from testbed.trace.flows import CLIENT
from testbed.trace.model.exchange import Command, Exchange, Reply, Transaction
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.services.behind_tls import BehindTls
from testbed.trace.services.credentials import MASK, Credentials, may_be_response, tidy
from testbed.trace.services.lines import Line, LineBuffer
from testbed.trace.services.messages import MessageKeeper, OnMessage
from testbed.trace.services.smtp.chunks import ChunkReader, chunk_octets
from testbed.trace.services.smtp.conduct import Conduct
from testbed.trace.services.smtp.early import EarlyRefusal
from testbed.trace.services.smtp.message import FalseEnd, MessageReader
from testbed.trace.services.smtp.modes import Mode
from testbed.trace.services.smtp.record import Record
from testbed.trace.services.smtp.replies import ReplyPart, ReplyReader
from testbed.trace.services.smtp.smuggling import Doubt, Ends
from testbed.trace.services.smtp.spilled import as_message
from testbed.trace.services.smtp.transactions import ENDS_TRANSACTION, ends_message
from testbed.trace.services.smtp.waiting import Waiting, unasked
from testbed.trace.tcp.reassembly import Chunk, Gap

_MAX_HELD = 1 << 20  # octets of the client that wait for a reply
_NEEDS_REPLY = BEGINS_TLS | frozenset(("DATA", "AUTH"))
_ENDS_CHUNKS = ENDS_TRANSACTION | BEGINS_TLS | frozenset(("MAIL", "DATA", "QUIT"))
TLS_HANDSHAKE = b"\x16\x03"


class SmtpDialogue:
    """Feed it what both sides said; :meth:`finish` gives exchanges and transactions.

    ``show_credentials`` decodes what AUTH sends, which is otherwise masked.  ``on_message`` is given each message.
    ``each`` tells that a message is answered once for each recipient that was accepted (LMTP, RFC 2033 §4.2).
    """

    def __init__(
        self, *, show_credentials: bool = False, on_message: OnMessage | None = None, each: bool = False
    ) -> None:
        self._mode = Mode.COMMANDS
        self._client, self._server = LineBuffer(), LineBuffer()
        self._waiting = Waiting()
        self._replies = ReplyReader()
        self._record = Record(each=each)
        self._remarks = Remarks()
        self._conduct = Conduct(self._remarks)
        self._keeper = MessageKeeper(on_message, CLIENT)
        self._ends = Ends(self._remarks, self._keeper)
        self._message: MessageReader | None = None
        self._chunk: ChunkReader | None = None
        self._auth = Credentials(self._remarks, show=show_credentials)
        self._credentials = 0  # client lines to come that answer 334
        self._held: Command | None = None  # what follows it waits for its reply
        self._masking = self._spilled = False  # after AUTH, until a line is a command again; a message before its 354
        self._behind = BehindTls(self._remarks)
        self._early = EarlyRefusal(self._record, self._waiting)
        self._unheard = self._encrypted = False  # the server's side is not in the capture; keys opened TLS

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        decrypted = isinstance(item, Chunk) and item.decrypted
        if self._mode is Mode.SECRET and not (self._behind.is_clear(item) or decrypted):
            return
        if self._mode is Mode.SECRET:
            self._begin_anew()
        elif self._encrypted and not decrypted and isinstance(item, Chunk):
            return
        self._encrypted = self._encrypted or decrypted
        if isinstance(item, Gap):
            self._gap(item)
        elif item.side == CLIENT:
            self._client.add(item)
            self._client_goes_on()
        else:
            self._server.add(item)
            for line in self._server.lines():
                self._server_line(line)

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood."""
        if self._mode is not Mode.SECRET:
            self._unfinished()
        self._ends.settle()
        self._keeper.end(complete=False)
        self._early.conclude()
        for exchange in as_message(self._waiting.rest(), spilled=self._spilled):
            self._record.unanswered(exchange)
        self._ends.tell(self._record.exchanges)
        self._behind.settle(self._record.exchanges)
        return tuple(self._record.exchanges), self._record.transactions.finish()

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""
        return self._remarks.in_order()

    def _unfinished(self) -> None:
        if (rest := self._server.rest()) is not None and rest.content.strip():
            self._server_line(rest)
        self._conduct.broke_off(self._replies.unfinished)
        self._go_unheard()
        line = self._client.rest()
        if self._mode is Mode.MESSAGE and self._message is not None:
            if line is not None:
                self._message.line(line)
            self._wait_for(self._message.abandon())
            self._remarks.take(self._message.suspicions)
        elif self._mode is Mode.COMMANDS and line is not None and line.content.strip():
            self._command(line)

    # -- the client ---------------------------------------------------------------------------------

    def _client_goes_on(self) -> None:
        """More of the client's octets have come, or a reply that tells what they are."""
        while len(self._client):
            if self._mode is Mode.SECRET:
                self._client.clear()
            elif self._mode is Mode.CHUNK:
                assert self._chunk is not None
                if self._chunk.given_up(self._client):
                    self._chunk, self._mode = None, Mode.COMMANDS
                else:
                    self._end_chunk(self._chunk.read(self._client))
            elif self._held is not None and not self._unheard:
                if len(self._client) > _MAX_HELD:
                    self._go_unheard()
                return
            else:
                message = self._message if self._message is not None and self._message.calm else None
                if message is not None and (lines := self._client.plain_lines()) is not None:
                    message.plain(lines)
                    continue
                line = self._client.line()
                if line is None:
                    return
                (self._command if self._mode is Mode.COMMANDS else self._message_line)(line)

    def _go_unheard(self) -> None:
        """No reply will tell what the client's octets are: read them as if the server had agreed to everything."""
        if self._held is not None and not self._unheard:
            self._unheard = True
            self._conduct.missed()
            if self._held.verb == "DATA" and len(self._client):
                self._begin_message()
            SmtpDialogue._client_goes_on(self)

    def _command(self, line: Line) -> None:
        self._ends.said(line)
        if self._credentials:
            self._credentials -= 1
            shown = self._auth.response(line.content, line.frames, encrypted=self._encrypted)
            self._hold(Command("AUTH", shown, line.frames, line.time_ns, line.octets))
            return
        verb, argument = split_command(tidy(line.content))
        if verb not in COMMANDS:
            if self._masking and may_be_response(line.content):
                self._hold(Command("AUTH", MASK, line.frames, line.time_ns, line.octets))
                return
            verb, argument = verb[:20], argument[:200]
        elif verb == "AUTH":
            argument = self._auth.begin(line.content, argument, line.frames, encrypted=self._encrypted)
        self._masking = verb == "AUTH" or (self._masking and verb not in COMMANDS)
        command = Command(verb, argument, line.frames, line.time_ns, line.octets)
        self._conduct.command(command, line, self._waiting.oldest)
        if verb in _ENDS_CHUNKS and not self._ends.in_doubt:
            self._keeper.end(complete=False)
        if verb == "BDAT" and (octets := chunk_octets(command)) is not None:
            self._begin_chunk(command, octets)
        elif verb in _NEEDS_REPLY:
            self._hold(command)
            if self._unheard and verb == "DATA":
                self._begin_message()
        else:
            self._wait_for(command)

    def _wait_for(self, command: Command) -> None:
        self._record.said(command)
        self._waiting.add(command, self._client.place)

    def _hold(self, command: Command) -> None:
        if command.verb != "DATA":
            self._ends.settle()
        self._wait_for(command)
        self._held = command

    def _begin_chunk(self, command: Command, octets: int) -> None:
        self._ends.settle()
        self._chunk, self._mode = ChunkReader(command, octets, self._record.head, self._keeper), Mode.CHUNK
        if not octets:
            self._end_chunk(self._chunk.ended((), command.time_ns))

    def _end_chunk(self, command: Command | None) -> None:
        if command is None or self._chunk is None:
            return
        if not self._chunk.refused:
            self._wait_for(command)
        if ends_message(command):
            self._conduct.message_ended(command)
        self._chunk, self._mode = None, Mode.COMMANDS

    def _begin_message(self) -> None:
        self._ends.settle()
        self._early.forget()
        self._mode = Mode.MESSAGE
        self._message = MessageReader(self._record.begin_message(), self._keeper, self._remarks)

    def _message_line(self, line: Line) -> None:
        assert self._message is not None
        command = self._message.line(line)
        if command is not None:
            self._ends.ended(self._message, None if self._waiting else self._record.place())
            self._end_message(command)

    def _end_message(self, command: Command) -> None:
        self._wait_for(command)
        self._message, self._mode = None, Mode.COMMANDS
        self._conduct.message_ended(command)

    def _read_behind(self, end: FalseEnd, lines: list[Line]) -> None:
        """The server ended a message there: what the client said behind it are commands to it."""
        self._ends.early(end, len(self._record.exchanges), lines)
        self._end_message(end.command)
        self._client.put_back(lines)
        self._conduct.missed()

    def _revise(self, doubt: Doubt) -> None:
        """A reply shows that the message in doubt ended too early: take what was said since in another way."""
        self._held = None
        self._record.go_back(doubt.place)
        self._waiting.forget()
        self._read_behind(doubt.end, doubt.lines)
        for reply, parts in doubt.replies:
            self._answered(reply, parts)

    # -- the server ---------------------------------------------------------------------------------

    def _server_line(self, line: Line) -> None:
        if (whole := self._replies.line(line)) is not None:
            self._answered(*whole)

    def _answered(self, reply: Reply, parts: list[ReplyPart]) -> None:
        if self._mode is Mode.MESSAGE and self._message is not None and not self._waiting:
            ended = self._message.answered(reply.code, again=self._ends.again)
            if isinstance(ended, FalseEnd):
                self._read_behind(ended, ended.behind or [])
            elif ended is not None:
                self._end_message(ended)
        elif self._chunk is not None and not self._waiting and reply.code[:1] in ("4", "5"):
            self._chunk.refused = True
            self._wait_for(self._chunk.command)
        elif (doubt := self._ends.answered(self._waiting.oldest, reply, parts)) is not None:
            self._revise(doubt)
            return
        if (cut_short := self._waiting.cut_short(reply)) is not None:
            self._record.exchanged(cut_short)
        self._early.conclude(reply)
        command = self._waiting.answered_by(reply)
        self._conduct.reply(command, parts, reply, amid_message=self._mode is Mode.MESSAGE)
        if command is None:
            self._answered_nothing(reply)
            return
        exchange = self._waiting.answer(reply, self._record.transactions.due(command))
        if exchange is not None:
            self._record.exchanged(exchange)
        if command is self._held:
            self._held = None
            self._go_on(command, reply)
        SmtpDialogue._client_goes_on(self)

    def _answered_nothing(self, reply: Reply) -> None:
        """A reply, and no command waits for one."""
        self._record.add(exchange := unasked(reply))
        if self._mode is Mode.MESSAGE:
            self._early.note(exchange)

    def _go_on(self, command: Command, reply: Reply) -> None:
        """The client's octets behind a command have waited for this reply."""
        if command.verb == "DATA" and reply.code == "354" and not self._unheard:
            if len(self._client) and not self._ends.found:
                self._remarks.note("data-before-354", self._client.frames())
            self._begin_message()
        elif command.verb == "DATA" and split_command(self._client.preview().encode())[0] not in {"", *COMMANDS}:
            self._remarks.note("data-before-354", self._client.frames())
            self._spilled = True
        elif command.verb in BEGINS_TLS and reply.code == "220":
            if len(self._client) and not self._client.starts_with(TLS_HANDSHAKE):
                self._remarks.note("commands-behind-starttls", self._client.frames(), self._client.preview())
            self._mode = Mode.SECRET
            self._behind.expect()
            self._client.clear()
            self._server.clear()
        elif command.verb == "AUTH" and reply.code == "334":
            self._credentials += 1

    def _begin_anew(self) -> None:
        """What follows the handshake of TLS can be read; both sides forget what was said before (RFC 3207 §4.2)."""
        self._mode = Mode.COMMANDS
        self._client.clear()
        self._server.clear()
        self._replies.clear()
        self._held, self._credentials, self._masking = None, 0, False
        self._conduct.reset()

    def _gap(self, gap: Gap) -> None:
        """Go on after a hole: a message goes on as a message, lines begin anew."""
        self._conduct.missed()
        if gap.side != CLIENT:
            self._server.clear()
            self._replies.clear()
        elif self._chunk is not None:
            self._end_chunk(self._chunk.hole(gap))
        elif self._mode is Mode.MESSAGE and self._message is not None:
            self._message.hole(gap, self._client.rest())
        else:
            self._client.clear()
