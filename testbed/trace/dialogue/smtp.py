"""The SMTP dialogue (RFC 5321, 1870, 2920, 3030, 3207, 4954) as pairs of command and reply.

The client is in one of four modes; only replies and complete messages change it:

========== ================================= ==========================================
mode       what the client's octets are      left at
========== ================================= ==========================================
commands   lines, each a command             354 (message), BDAT (chunk), 220 to STARTTLS (secret)
message    mail data up to the lone dot      the lone dot
chunk      as many octets as BDAT said       the last of them
secret     TLS records                       never
========== ================================= ==========================================
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from testbed.protocols.smtp import COMMANDS, GREETING, MASK, ReplyLine, parse_reply_line, split_command
from testbed.protocols.status import explain, split_enhanced
from testbed.protocols.text import decoded
from testbed.trace.dialogue.lines import Line, LineBuffer
from testbed.trace.dialogue.transactions import MessageHead, TransactionLog
from testbed.trace.flows import CLIENT
from testbed.trace.model import Command, Exchange, Phase, Reply, Transaction
from testbed.trace.reassembly import Chunk, Gap

_MAX_EXCHANGES = 1_000_000
_MAX_REPLY_LINES = 1_000


class _Mode(Enum):
    COMMANDS = auto()
    MESSAGE = auto()
    CHUNK = auto()
    SECRET = auto()


class SmtpDialogue:
    """Feed it what both sides said; :meth:`finish` gives exchanges and transactions."""

    def __init__(self) -> None:
        self._mode = _Mode.COMMANDS
        self._client = LineBuffer()
        self._server = LineBuffer()
        self._pending: deque[Command] = deque([Command("connect", "", (), 0, 0)])
        self._reply: list[tuple[ReplyLine, Line]] = []
        self._exchanges: list[Exchange] = []
        self._transactions = TransactionLog()
        self._head = MessageHead()
        self._data: _Data | None = None
        self._chunk_left = 0
        self._chunk: Command | None = None
        self._credentials = 0  # client lines to come that answer 334

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        if isinstance(item, Gap):
            self._gap(item)
        elif item.side == CLIENT:
            self._client.add(item)
            self._read_client()
        else:
            self._server.add(item)
            if self._mode is _Mode.SECRET:
                self._server.clear()
            for line in self._server.lines():
                self._server_line(line)
                if self._mode is _Mode.SECRET:
                    self._server.clear()

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood."""
        if self._mode is not _Mode.SECRET:
            self._unfinished()
        for command in self._pending:
            exchange = Exchange(_phase(command), command, None, "no reply")
            if command.frames:
                self._add(exchange)
            if command.verb == "RCPT":
                self._transactions.answered(exchange, self._head)
            elif command.verb == "message":
                self._transactions.unanswered(exchange, self._head)
        return tuple(self._exchanges), self._transactions.finish()

    def _unfinished(self) -> None:
        rest = self._server.rest()
        if rest is not None and rest.content.strip():
            self._server_line(rest)
        if self._data is not None:
            command = self._data.command(finished=False)
            self._pending.append(command)
        elif self._mode is _Mode.COMMANDS:
            line = self._client.rest()
            if line is not None and line.content.strip():
                self._command(line)

    # -- the client ---------------------------------------------------------------------------------

    def _read_client(self) -> None:
        progress = True
        while progress and len(self._client):
            progress = False
            if self._mode is _Mode.SECRET:
                self._client.clear()
            elif self._mode is _Mode.CHUNK:
                progress = self._read_chunk()
            else:
                for line in self._client.lines():
                    progress = True
                    if self._mode is _Mode.MESSAGE:
                        self._message_line(line)
                    else:
                        self._command(line)
                    if self._chunk is not None:
                        break

    def _command(self, line: Line) -> None:
        if self._credentials:
            self._credentials -= 1
            self._pending.append(Command("AUTH", MASK, line.frames, line.time_ns, line.octets))
            return
        verb, argument = split_command(line.content)
        if verb not in COMMANDS:
            verb, argument = verb[:20], argument[:200]
        command = Command(verb, argument, line.frames, line.time_ns, line.octets)
        if verb == "BDAT":
            self._begin_chunk(command)
        else:
            self._pending.append(command)

    def _begin_chunk(self, command: Command) -> None:
        size, _, _ = command.argument.partition(" ")
        self._chunk = command
        self._chunk_left = int(size) if size.isascii() and size.isdigit() and len(size) < 19 else 0
        self._mode = _Mode.CHUNK
        if not self._chunk_left:
            self._end_chunk((), command.time_ns)

    def _read_chunk(self) -> bool:
        octets, frames, time = self._client.take(self._chunk_left)
        self._head.add(octets)
        self._chunk_left -= len(octets)
        if not self._chunk_left:
            self._end_chunk(frames, time)
        return True

    def _end_chunk(self, frames: tuple[int, ...], time: int) -> None:
        assert self._chunk is not None
        size = self._chunk.octets
        all_frames = (*self._chunk.frames[:1], *frames[-1:])
        self._pending.append(Command("BDAT", self._chunk.argument, tuple(dict.fromkeys(all_frames)), time, size))
        self._chunk = None
        self._mode = _Mode.COMMANDS

    def _message_line(self, line: Line) -> None:
        if self._data is None:
            self._data = _Data()
        self._data.add(line)
        if line.content == b"." and line.octets == 3:
            self._pending.append(self._data.command(finished=True))
            self._data = None
            self._mode = _Mode.COMMANDS
        else:
            self._head.add(line.content + b"\r\n")

    # -- the server ---------------------------------------------------------------------------------

    def _server_line(self, line: Line) -> None:
        parsed = parse_reply_line(line.content)
        if parsed is None:
            parsed = ReplyLine("", True, decoded(line.content)[:500])
        if len(self._reply) < _MAX_REPLY_LINES:
            self._reply.append((parsed, line))
        if not parsed.last:
            return
        reply = _reply(self._reply)
        self._reply = []
        self._answered(reply)

    def _answered(self, reply: Reply) -> None:
        if not self._pending:
            phase = Phase.CLOSURE if reply.code == "421" else Phase.TRANSFER
            note = explain(reply.code, reply.enhanced) if reply.code else "not an SMTP reply"
            self._add(Exchange(phase, None, reply, note))
            return
        command = self._pending.popleft()
        note = "not an SMTP reply" if not reply.code else explain(reply.code, reply.enhanced)
        exchange = Exchange(_phase(command), command, reply, note)
        self._add(exchange)
        self._transactions.answered(exchange, self._head)
        if reply.code == "354" and command.verb == "DATA":
            self._mode, self._head = _Mode.MESSAGE, MessageHead()
            self._read_client()
        elif command.verb == "STARTTLS" and reply.code == "220":
            self._mode = _Mode.SECRET
            self._client.clear()
        elif command.verb == "AUTH" and reply.code == "334":
            self._credentials += 1
        elif command.verb in ("message", "BDAT", "RSET", "EHLO", "HELO"):
            finished = command.verb != "BDAT" or "LAST" in command.argument.upper()
            self._head = MessageHead() if finished else self._head

    # -- what was not seen ----------------------------------------------------------------------------

    def _gap(self, gap: Gap) -> None:
        """Go on after a hole: a message goes on as a message, lines begin anew."""
        if gap.side == CLIENT:
            if self._mode is _Mode.CHUNK:
                self._chunk_left = max(0, self._chunk_left - gap.octets)
                if not self._chunk_left:
                    self._end_chunk((gap.frame,), gap.time_ns)
                return
            if self._mode is _Mode.MESSAGE:
                self._data = self._data or _Data()
                self._data.octets += gap.octets
            self._client.clear()
        else:
            self._server.clear()
            self._reply = []

    def _add(self, exchange: Exchange) -> None:
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._exchanges.append(exchange)


class _Data:
    """The octets after 354."""

    def __init__(self) -> None:
        self.octets = 0
        self._first: int | None = None
        self._last = 0
        self._time = 0

    def add(self, line: Line) -> None:
        self.octets += line.octets
        self._first = self._first if self._first is not None else line.frames[0]
        self._last, self._time = line.frames[-1], line.time_ns

    def command(self, *, finished: bool) -> Command:
        """The pseudo-command; its frames are the first and the last."""
        frames = () if self._first is None else tuple(dict.fromkeys((self._first, self._last)))
        return Command("message", "" if finished else "unfinished", frames, self._time, self.octets)


def _phase(command: Command) -> Phase:
    if command.verb in GREETING:
        return Phase.HANDSHAKE
    return Phase.CLOSURE if command.verb == "QUIT" else Phase.TRANSFER


def _reply(parts: list[tuple[ReplyLine, Line]]) -> Reply:
    texts = []
    enhanced = ""
    for parsed, _ in parts:
        found, text = split_enhanced(parsed.text)
        enhanced = enhanced or found
        texts.append(text if found else parsed.text)
    frames = tuple(dict.fromkeys(frame for _, line in parts for frame in line.frames))
    return Reply(
        parts[-1][0].code,
        enhanced,
        tuple(texts),
        frames,
        parts[0][1].time_ns,
        sum(line.octets for _, line in parts),
    )
