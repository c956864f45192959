"""The POP3 dialogue (RFC 1939, 2449 CAPA, 2595 STLS, 5034 AUTH) as pairs of command and reply.

A reply is one line, or for some commands, when it is positive, many lines up to a lone dot.  From STLS on, only what
keys opened is followed, unless both go on in clear.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from testbed.plural import count
from testbed.protocols.imap import number, response_code
from testbed.protocols.pop3 import COMMANDS, is_multi_line, phase_word, split_command
from testbed.protocols.text import decoded
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.exchange import NOT_CAPTURED, Command, Exchange, Reply, Transaction
from testbed.trace.model.phase import Phase
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.services.behind_tls import BehindTls
from testbed.trace.services.credentials import Credentials, tidy
from testbed.trace.services.lines import Line, LineBuffer
from testbed.trace.services.messages import MessageKeeper, OnMessage
from testbed.trace.services.reading.results import ReadingResult, Told
from testbed.trace.tcp.reassembly import Chunk, Gap

_MESSAGES = frozenset(("RETR", "TOP"))
_MAX_LINES_KEPT = 50
_MAX_OFFERS = 1_000
_MAX_TOLD = 100_000
_LISTS = frozenset(("LIST", "UIDL"))
_MAX_EXCHANGES = 1_000_000


@dataclass(slots=True)
class _Pending:
    """A reply of many lines on its way."""

    first: Line
    lines: list[str] = field(default_factory=list)
    count: int = 0
    octets: int = 0
    last: Line | None = None
    told: list[Told] = field(default_factory=list)


class Pop3Dialogue:
    """Feed it what both sides said; :meth:`finish` gives the exchanges.

    ``show_credentials`` shows passwords, which are masked else.  ``on_message`` is given each message retrieved.
    With ``tells``, results of LIST and UIDL have every line.
    """

    def __init__(
        self, *, show_credentials: bool = False, on_message: OnMessage | None = None, tells: bool = False
    ) -> None:
        self._client = LineBuffer()
        self._server = LineBuffer()
        self._waiting: deque[Command] = deque([Command("connect", "", (), 0, 0)])
        self._exchanges: list[Exchange] = []
        self._listing: _Pending | None = None
        self._ended: Command | None = None  # what brought the message that ended last, until the next reply
        self._line_begun = False  # the next line of a listing begins in the middle
        self._challenged = False  # the client's next line answers "+"
        self._authenticating = 0  # AUTH and responses without a reply yet
        self._missed = False  # replies of the server, or a part of one, since the client last went on
        self._torn = False  # what the client said before its next line is not in the capture
        self._secret = False
        self._tells = tells
        self._encrypted = False
        self._remarks = Remarks()
        self._behind = BehindTls(self._remarks)
        self._keeper = MessageKeeper(on_message, SERVER, reads=True)
        self._auth = Credentials(self._remarks, show=show_credentials)

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        buffer = self._client if item.side == CLIENT else self._server
        if isinstance(item, Gap):
            self._gap(item, buffer)
            return
        if (item.decrypted and not self._encrypted) or (self._secret and self._behind.is_clear(item)):
            self._secret, self._encrypted = False, item.decrypted
            self._client.clear()
            self._server.clear()
        if self._secret or (self._encrypted and not item.decrypted):
            return
        buffer.add(item)
        for line in buffer.lines():
            (self._command if item.side == CLIENT else self._server_line)(line)
            if self._secret:
                buffer.clear()

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""
        return self._remarks.in_order()

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood; POP3 has no transactions of its own."""
        rest = self._server.rest()
        if rest is not None and self._listing is not None:
            self._keep(rest)
        self._keeper.end(complete=False)
        if self._listing is not None:
            self._answered(self._listing, "the listing is cut off")
        for command in self._waiting:
            if command.frames:
                note = NOT_CAPTURED if self._missed else "no reply"
                self._add(Exchange(_phase(command), command, None, note, unseen=self._missed))
        self._behind.settle(self._exchanges)
        return tuple(self._exchanges), ()

    def _gap(self, gap: Gap, buffer: LineBuffer) -> None:
        """Lines begin anew behind a hole; a message goes on.  Behind a late beginning nobody waits for the greeting."""
        self._torn = self._torn or gap.side == CLIENT
        if not gap.octets:
            self._waiting.clear()
        if gap.side == SERVER and self._listing is None and not self._secret:
            self._missed = True
            self._pass_over(until=self._waiting[-1].frames if self._waiting else ())
        if gap.side == SERVER and self._listing is not None and not self._secret:
            rest = buffer.rest()
            if rest is not None:
                self._keep(rest)
            self._keeper.hole(gap.octets)
            self._line_begun = True
        buffer.clear()

    def _pass_over(self, until: tuple[int, ...] = ()) -> None:
        """The client has gone on, so what it had said was answered; what was sent ``until`` there still may be."""
        while self._waiting and (not until or self._waiting[0].frames != until):
            command = self._waiting.popleft()
            if command.verb == "AUTH":
                self._authenticating, self._torn = self._authenticating - 1, True  # a secret may come
            if command.frames:
                self._add(Exchange(_phase(command), command, None, NOT_CAPTURED, unseen=True))

    def _command(self, line: Line) -> None:
        if self._missed and self._waiting and self._waiting[-1].frames != line.frames:
            self._pass_over()
            self._missed = False
        torn, self._torn = self._torn, False
        if self._challenged or self._authenticating:  # it is a response, whatever it looks like
            self._challenged = False
            verb, argument = "AUTH", self._auth.response(line.content, line.frames, encrypted=self._encrypted)
        elif torn and split_command(tidy(line.content))[0] not in COMMANDS:
            verb, argument = "AUTH", self._auth.shown(line.content)  # maybe a secret; nothing shows that it is one
        else:
            verb, argument = split_command(tidy(line.content))
            if verb in ("PASS", "APOP", "AUTH"):
                argument = self._secret_argument(verb, argument, line)
        self._authenticating += verb == "AUTH"
        if len(self._waiting) < _MAX_EXCHANGES:
            self._waiting.append(Command(verb, argument, line.frames, line.time_ns, line.octets))

    def _secret_argument(self, verb: str, masked: str, line: Line) -> str:
        """The argument of a command that takes credentials, as it may be shown."""
        argument = tidy(line.content).partition(b" ")[2]
        if verb == "AUTH":
            return self._auth.begin(line.content, masked, line.frames, encrypted=self._encrypted)
        if verb == "PASS":
            self._auth.seen("PASS", line.frames, encrypted=self._encrypted)
        return decoded(argument)[:500] if self._auth.show else masked

    def _server_line(self, line: Line) -> None:
        if self._listing is not None:
            self._listing_line(self._listing, line)
            return
        if self._missed and not line.content.startswith((b"+", b"-ERR")):
            if line.content == b".":  # the end of a listing whose beginning is missing
                self._pass_over()
            return
        if self._ended is not None and not line.content.startswith((b"+", b"-ERR")):
            self._goes_on(self._ended, line)
            return
        self._ended = None
        command = self._waiting[0] if self._waiting else None
        self._challenged = (command is None or command.verb == "AUTH") and line.content[:2] in (b"+", b"+ ")
        pending = _Pending(line, octets=line.octets)
        if command is not None and line.content.startswith(b"+OK") and is_multi_line(command.verb, command.argument):
            self._listing, self._line_begun = pending, False
            if command.verb in _MESSAGES:
                self._keeper.begin(command.verb)
        else:
            if line.content.startswith(b"+OK "):
                self._tell(pending, line.content[4:])
            self._answered(pending)

    def _goes_on(self, command: Command, line: Line) -> None:
        """The message goes on behind what its reader takes for its end: a lone dot in it was not doubled."""
        text = decoded(line.content)[:500]
        detail = f"the message of {command.verb} {command.argument}; behind it came: {text}"
        self._remarks.note("dot-not-doubled", line.frames, detail)
        reply = Reply("", "", (text,), line.frames, line.time_ns, line.time_ns, line.octets)
        self._add(Exchange(Phase.TRANSFER, None, reply, "the rest of the message"))

    def _listing_line(self, listing: _Pending, line: Line) -> None:
        listing.octets += line.octets
        listing.last = line
        if line.content == b"." and not self._line_begun and line.raw.endswith(b"\n"):
            self._listing = None
            self._keeper.add(b"", line.frames)
            self._keeper.end(complete=True)
            if self._waiting and self._waiting[0].verb in _MESSAGES:
                self._ended = self._waiting[0]
            self._answered(listing)
            return
        self._keep(line)
        listing.count += 1
        self._tell(listing, line.content)
        if listing.count <= (_MAX_OFFERS if self._waiting and self._waiting[0].verb == "CAPA" else _MAX_LINES_KEPT):
            listing.lines.append(decoded(line.content[1:] if line.content.startswith(b".") else line.content))

    def _tell(self, reply: _Pending, line: bytes) -> None:
        """Keep a line of LIST or UIDL."""
        verb = self._waiting[0].verb if self._waiting and self._tells else ""
        numbered, _, words = decoded(line).partition(" ")
        told = number(numbered)
        if verb in _LISTS and told is not None and len(reply.told) < _MAX_TOLD:
            reply.told.append(Told(verb, number=told, words=words.strip()))

    def _keep(self, line: Line) -> None:
        stuffed = line.raw.startswith(b".") and not self._line_begun
        self._keeper.add(line.raw[1:] if stuffed else line.raw, line.frames)
        self._line_begun = not line.raw.endswith(b"\n")

    def _answered(self, pending: _Pending, note: str = "") -> None:
        status, _, text = decoded(pending.first.content).partition(" ")
        command = self._waiting.popleft() if self._waiting else None
        self._authenticating -= command is not None and command.verb == "AUTH"
        keep = pending.lines[:_MAX_LINES_KEPT] if command is None or command.verb not in _MESSAGES else []
        summary = (
            [f"{count(pending.count, 'line')}, {count(pending.octets, 'octet')}"] if pending.count > len(keep) else []
        )
        first, last = pending.first, pending.last or pending.first
        frames = tuple(dict.fromkeys((*first.frames, last.frames[-1])))
        reply = Reply(status, "", (text, *keep, *summary), frames, first.time_ns, last.time_ns, pending.octets)
        known = status in ("+OK", "-ERR", "+")
        whole = not note
        note = note or ("" if status in ("+OK", "+") else f"refused: {text}" if known else "not a POP3 reply")
        result = replace(_result(command, status, text, pending, whole=whole), mail=self._keeper.read())
        self._add(Exchange(_phase(command), command, reply, note, result))
        if command is not None and command.verb == "STLS" and status == "+OK":
            if self._waiting:
                behind = self._waiting[0]
                self._remarks.note("commands-behind-starttls", behind.frames, behind.verb)
            self._secret = True
            self._behind.expect()

    def _add(self, exchange: Exchange) -> None:
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._exchanges.append(exchange)


def _result(command: Command | None, status: str, text: str, reply: _Pending, *, whole: bool) -> ReadingResult:
    code, _ = response_code(text)
    if command is None or status != "+OK":
        return ReadingResult(code=code)
    match command.verb:
        case "STAT":
            return ReadingResult(code=code, listed=number(text.partition(" ")[0]))
        case "LIST" | "UIDL":
            return ReadingResult(code=code, listed=None if command.argument else reply.count, told=tuple(reply.told))
        case "RETR":
            return ReadingResult(code=code, fetched=int(whole))
        case "TOP":  # as many lines as asked for, or all there are
            asked = number(command.argument.rpartition(" ")[2])
            return ReadingResult(code=code, fetched=int(whole and asked is not None and asked >= reply.count))
        case "CAPA":
            return ReadingResult(code=code, offers=tuple(reply.lines))
    return ReadingResult(code=code)


def _phase(command: Command | None) -> Phase:
    return Phase(phase_word(command.verb)) if command is not None else Phase.TRANSFER
