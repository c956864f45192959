"""The POP3 dialogue (RFC 1939, 2449 CAPA, 2595 STLS, 5034 AUTH) as pairs of command and reply.

From STLS on, only what keys opened is followed, unless both go on in clear.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from testbed.protocols.imap import number, response_code
from testbed.protocols.pop3 import COMMAND_LINE, is_multi_line, phase_word, split_command
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
from testbed.trace.model.phase import Phase
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.services.awaiting import Awaiting, Pairs
from testbed.trace.services.behind_tls import BehindTls, is_record
from testbed.trace.services.credentials import Credentials, tidy
from testbed.trace.services.lines import Line, LineBuffer
from testbed.trace.services.messages import MessageKeeper, OnMessage
from testbed.trace.services.pop3.replies import MESSAGES, Pop3Replies, Pop3Reply
from testbed.trace.services.reading.results import ReadingResult
from testbed.trace.tcp.reassembly import Chunk, Gap

_MAX_EXCHANGES = 1_000_000
_ANSWERS = (b"+", b"-ERR")


class Pop3Dialogue:
    """Feed it what both sides said; :meth:`finish` gives the exchanges.

    ``show_credentials`` shows passwords, which are otherwise masked.  ``on_message`` is given each message retrieved.
    With ``tells``, results of LIST and UIDL have every line.
    """

    def __init__(
        self, *, show_credentials: bool = False, on_message: OnMessage | None = None, tells: bool = False
    ) -> None:
        self._client = LineBuffer()
        self._server = LineBuffer()
        self._awaiting = Awaiting(_fits)
        self._keeper = MessageKeeper(on_message, SERVER, reads=True)
        self._replies = Pop3Replies(self._keeper, tells=tells)
        self._exchanges: list[Exchange] = []
        self._ended: Command | None = None  # what brought the message that ended last, until the next reply
        self._challenged = False  # the client's next line answers "+"
        self._authenticating = 0  # AUTH and responses without a reply yet
        self._unheard = False  # the reply to AUTH is not in the capture: its response may come
        self._torn = False  # nothing the client has said behind its last hole was a command
        self._hole_last = False  # nothing came of the server behind its last hole
        self._secret = False
        self._encrypted = False
        self._remarks = Remarks()
        self._behind = BehindTls(self._remarks)
        self._auth = Credentials(self._remarks, show=show_credentials)

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        if isinstance(item, Gap):
            self._gap(item)
            return
        if (item.decrypted and not self._encrypted) or (self._secret and self._behind.is_clear(item)):
            self._begin_anew(encrypted=item.decrypted)
        if self._secret or (self._encrypted and not item.decrypted):
            return
        if self._awaiting.holed and is_record(item):
            self._secret = True  # STLS, or the reply to it, was in a hole
            return
        if item.side == CLIENT:
            self._client.add(item)
            self._client_goes_on(item)
        else:
            self._awaiting.heard(item)
            self._hole_last = False
            self._server.add(item)
        buffer, take = (self._client, self._command) if item.side == CLIENT else (self._server, self._server_line)
        for line in buffer.lines():
            take(line)
            if self._secret:
                buffer.clear()

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""
        return self._remarks.in_order()

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood; POP3 has no transactions of its own."""
        self._answer(self._replies.cut_off(self._server.rest()))
        self._keeper.end(complete=False)
        in_step = self._awaiting.in_step
        self._tell(self._awaiting.rest(), "no reply" if in_step else NOT_CAPTURED)
        self._behind.settle(self._exchanges)
        return tuple(self._exchanges), ()

    def _begin_anew(self, *, encrypted: bool) -> None:
        """What follows the handshake of TLS can be read."""
        self._secret, self._encrypted = False, encrypted
        self._client.clear()
        self._server.clear()
        self._replies.forget()

    def _gap(self, gap: Gap) -> None:
        """Lines begin anew behind a hole; a message may go on."""
        if self._secret or (gap.encrypted and not self._encrypted):
            self._behind.is_clear(gap)
            self._secret = True
            return
        if gap.side == CLIENT:
            self._torn, self._challenged, self._authenticating = True, False, 0
            self._client.clear()
            if self._replies.lists:
                self._answer(self._replies.flush())
        else:
            rest, goes_on = self._server.rest(), self._awaiting.is_alone
            self._answer(self._replies.hole(gap.octets, rest, goes_on=goes_on))
            self._hole_last = True
            if goes_on and self._replies.lists:
                return
        self._awaiting.hole(gap)

    # -- the client ---------------------------------------------------------------------------------

    def _client_goes_on(self, chunk: Chunk) -> None:
        """What it had said before was answered."""
        listing = self._replies.lists and not self._hole_last
        if not self._replies.is_idle and not listing:
            self._answer(self._replies.flush())
        if not listing or not self._awaiting.in_step:
            self._tell(self._awaiting.goes_on(chunk), NOT_CAPTURED)
            if self._awaiting.misses_replies:
                self._answer(self._replies.hole(0, None, goes_on=False))

    def _command(self, line: Line) -> None:
        doubtful = self._torn or self._unheard
        is_command = not doubtful or COMMAND_LINE.match(tidy(line.content)) is not None
        if self._torn and not is_command:  # the rest of a command, or a secret
            self._awaiting.torn()
            return
        self._torn = False
        unheard, self._unheard = self._unheard, False
        if self._challenged or self._authenticating or (unheard and not is_command):
            self._challenged = False  # it is a response, whatever it looks like
            verb, argument = "AUTH", self._auth.response(line.content, line.frames, encrypted=self._encrypted)
        else:
            verb, argument = split_command(tidy(line.content))
            if verb in ("PASS", "APOP", "AUTH"):
                argument = self._secret_argument(verb, argument, line)
        self._authenticating += verb == "AUTH"
        self._awaiting.ask(Command(verb, argument, line.frames, line.time_ns, line.octets), line.place)

    def _secret_argument(self, verb: str, masked: str, line: Line) -> str:
        """The argument of a command that takes credentials, as it may be shown."""
        argument = tidy(line.content).partition(b" ")[2]
        if verb == "AUTH":
            return self._auth.begin(line.content, masked, line.frames, encrypted=self._encrypted)
        if verb == "PASS":
            self._auth.seen("PASS", line.frames, encrypted=self._encrypted)
        return decoded(argument)[:500] if self._auth.show else masked

    # -- the server ---------------------------------------------------------------------------------

    def _server_line(self, line: Line) -> None:
        if self._replies.lists:
            self._answer(self._replies.goes_on(line))
        elif not (self._awaiting.in_step and self._replies.is_idle):
            self._unheard = line.content[:2] in (b"+", b"+ ")
            self._replies.may_answer(self._awaiting.only(MESSAGES))
            self._answer(self._replies.goes_on(line))
        elif self._ended is not None and not line.content.startswith(_ANSWERS):
            self._goes_on(self._ended, line)
        else:
            self._ended, command = None, self._awaiting.oldest
            self._challenged = (command is None or command.verb == "AUTH") and line.content[:2] in (b"+", b"+ ")
            self._answer(self._replies.begin(line, command))

    def _goes_on(self, command: Command, line: Line) -> None:
        """The message goes on behind what its reader takes for its end: a lone dot in it was not doubled."""
        text = decoded(line.content)[:500]
        detail = f"the message of {command.verb} {command.argument}; behind it came: {text}"
        self._remarks.note("dot-not-doubled", line.frames, detail)
        reply = Reply("", "", (text,), line.frames, line.time_ns, line.time_ns, line.octets)
        self._add(Exchange(Phase.TRANSFER, None, reply, "the rest of the message"))

    # -- pairs --------------------------------------------------------------------------------------

    def _answer(self, replies: Iterable[Pop3Reply]) -> None:
        for reply in replies:
            self._tell(self._awaiting.answer(reply, reply.place), NOT_CAPTURED)

    def _tell(self, pairs: Pairs[Pop3Reply], without: str) -> None:
        """Keep what belongs together; ``without`` tells why a command has no reply."""
        for command, reply in pairs:
            if command is not None and command.verb == "AUTH":
                self._authenticating = max(0, self._authenticating - 1)
                self._unheard = reply is None
            if reply is not None:
                self._answered(command, reply)
            elif command is not None and command.frames:
                self._add(Exchange(_phase(command), command, None, without, unseen=without == NOT_CAPTURED))

    def _answered(self, command: Command | None, told: Pop3Reply) -> None:
        status, text, verb = told.status, told.text, command.verb if command is not None else ""
        lines = told.summary(of_message=verb in MESSAGES or command is None)
        first, last = told.first, told.last or told.first
        shown, whole = (text, *lines), told.ended
        reply = Reply(status, "", shown, told.frames, first.time_ns, last.time_ns, told.octets, whole)
        unseen = command is None and self._awaiting.holed
        note = "" if status in ("+OK", "+") else f"refused: {text}" if status == "-ERR" else "not a POP3 reply"
        note = "the listing is cut off" if not told.ended else note or (COMMAND_NOT_CAPTURED if unseen else "")
        result = replace(_result(command, told), mail=self._keeper.read())
        self._add(Exchange(_phase(command), command, reply, note, result, unseen=unseen))
        self._ended = command if verb in MESSAGES and told.many and told.ended and not told.holed else None
        if verb == "STLS" and status == "+OK":
            behind = self._awaiting.oldest
            if behind is not None:
                self._remarks.note("commands-behind-starttls", behind.frames, behind.verb)
            self._secret = True
            self._behind.expect()

    def _add(self, exchange: Exchange) -> None:
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._exchanges.append(exchange)


def _fits(command: Command, reply: Pop3Reply) -> bool:
    """Whether a reply may be that to a command, by its form."""
    if reply.status == "+":
        return command.verb == "AUTH"
    if reply.status != "+OK" or reply.many is None:
        return True
    return reply.many is is_multi_line(command.verb, command.argument)


def _result(command: Command | None, reply: Pop3Reply) -> ReadingResult:
    code, _ = response_code(reply.text)
    whole = reply.ended and not reply.holed
    if command is None or reply.status != "+OK":
        return ReadingResult(code=code)
    match command.verb:
        case "STAT":
            return ReadingResult(code=code, listed=number(reply.text.partition(" ")[0]))
        case "LIST" | "UIDL":
            listed = None if command.argument or not whole else reply.count
            return ReadingResult(code=code, listed=listed, told=tuple(reply.told))
        case "RETR":
            return ReadingResult(code=code, fetched=int(reply.ended))
        case "TOP":  # as many lines as asked for, or all there are
            asked = number(command.argument.rpartition(" ")[2])
            return ReadingResult(code=code, fetched=int(whole and asked is not None and asked >= reply.count))
        case "CAPA":
            return ReadingResult(code=code, offers=tuple(reply.kept))
    return ReadingResult(code=code)


def _phase(command: Command | None) -> Phase:
    return Phase(phase_word(command.verb)) if command is not None else Phase.TRANSFER
