"""The SMTP dialogue where parts of it are not in the capture: late beginnings, and holes on either side.

What is missing was said all the same.  So a command whose reply is in a hole was answered, a reply whose command is in
a hole answers that, and octets of the client that are no command behind a hole are the rest of a message, or a secret.
"""

from __future__ import annotations

from testbed.trace.flows import CLIENT
from testbed.trace.model.exchange import Command, Exchange, Reply
from testbed.trace.model.phase import Phase
from testbed.trace.services.credentials import MASK
from testbed.trace.services.lines import Line
from testbed.trace.services.messages import OnMessage
from testbed.trace.services.smtp.dialogue import TLS_HANDSHAKE, SmtpDialogue
from testbed.trace.services.smtp.holes import (
    COMMAND_LINE,
    COMMAND_NOT_CAPTURED,
    OF_AUTH,
    Holes,
    answered,
    answers_message,
)
from testbed.trace.services.smtp.modes import Mode
from testbed.trace.services.smtp.replies import ReplyPart
from testbed.trace.services.smtp.waiting import note_on
from testbed.trace.tcp.reassembly import Gap


class ResumedDialogue(SmtpDialogue):
    """An SMTP dialogue that finds its way again behind holes of the capture."""

    def __init__(
        self, *, show_credentials: bool = False, on_message: OnMessage | None = None, each: bool = False
    ) -> None:
        super().__init__(show_credentials=show_credentials, on_message=on_message, each=each)
        self._each = each
        self._holes = Holes()
        self._holed = False  # something is missing, now or earlier
        self._torn: Gap | None = None  # the hole right before the client's next line
        self._text: Command | None = None  # lines that are no commands, as what they are if they are a secret

    def _gap(self, gap: Gap) -> None:
        in_message = self._mode is not Mode.COMMANDS
        super()._gap(gap)
        self._holed = True
        if gap.side != CLIENT or not gap.octets:
            self._holes.replies = True
        if gap.side == CLIENT and not in_message:
            self._holes.commands, self._torn, self._credentials = True, gap, 0
            self._record.transactions.missed()

    def _unfinished(self) -> None:
        self._give_up_text()
        self._settle(all_answered=True)
        super()._unfinished()

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._text = self._torn = None
        self._holes.close()

    # -- the client ---------------------------------------------------------------------------------

    def _client_goes_on(self) -> None:
        """It has had the replies to what it had said; a message whose end was in a hole has ended."""
        if self._message is not None and self._client.begins(COMMAND_LINE):
            if self._text is not None:
                self._give_up_text()
            elif self._holes.replies:
                ended = self._message.answered("250", again=False)
                if isinstance(ended, Command):
                    self._end_message(ended)
        if self._holes.open:
            self._settle(all_answered=True)
        super()._client_goes_on()

    def _command(self, line: Line) -> None:
        torn, self._torn = self._torn, None
        if torn is not None and not self._credentials and COMMAND_LINE.match(line.raw) is None:
            self._begin_message()
            assert self._message is not None
            self._text = Command("AUTH", MASK, line.frames, line.time_ns, line.octets)
            self._message.hole(torn, None)
            self._message_line(line)
        else:
            super()._command(line)

    def _end_message(self, command: Command) -> None:
        self._text = None
        super()._end_message(command)

    def _give_up_text(self) -> None:
        """Nothing tells what it was."""
        if self._text is not None:
            self._keeper.drop()
            self._text, self._message, self._mode = None, None, Mode.COMMANDS

    # -- the server ---------------------------------------------------------------------------------

    def _answered(self, reply: Reply, parts: list[ReplyPart]) -> None:
        if self._text is not None:
            self._answer_text(self._text, reply)
        if not self._holes.open or not self._waiting:
            super()._answered(reply, parts)
            return
        self._holes.pending.append((reply, parts))
        if self._holes.decides(self._waiting.commands, reply):
            self._settle(all_answered=False)

    def _answer_text(self, secret: Command, reply: Reply) -> None:
        """A reply to text that has not ended as a message does."""
        self._give_up_text()
        if reply.code in OF_AUTH:
            self._auth.seen("AUTH", secret.frames, encrypted=self._encrypted)
            self._hold(secret)

    def _answered_nothing(self, reply: Reply) -> None:
        if self._holed:
            self._answer_unseen(reply)
        else:
            super()._answered_nothing(reply)

    def _answer_unseen(self, reply: Reply) -> None:
        """A reply to a command that is not in the capture."""
        note = note_on(reply) or COMMAND_NOT_CAPTURED
        self._credentials += reply.code == "334"
        if answers_message(reply):
            message = Command("message", "", (), reply.time_ns, 0)
            self._record.unseen(Exchange(Phase.TRANSFER, message, reply, note, unseen=True))
        else:
            phase = Phase.CLOSURE if reply.code in ("221", "421") else Phase.TRANSFER
            self._record.add(Exchange(phase, None, reply, note, unseen=True))

    # -- both in step again ---------------------------------------------------------------------------

    def _settle(self, *, all_answered: bool) -> None:
        """Give the replies that came behind a hole to the commands they answer, and pass over those between."""
        commands, replies_missing = self._waiting.commands, self._holes.replies
        pending = self._holes.close()
        places = answered(commands, [reply for reply, _ in pending], each=self._each)
        for (reply, parts), place in zip(pending, places, strict=True):
            if place is None:
                self._answer_unseen(reply)
                continue
            while self._waiting.oldest is not commands[place]:
                self._pass_over()
            super()._answered(reply, parts)
        while all_answered and replies_missing and any(self._waiting.oldest is command for command in commands):
            self._pass_over()

    def _pass_over(self) -> None:
        """The oldest command was answered; what the client says next tells how."""
        exchange = self._waiting.pass_over()
        self._record.unseen(exchange)
        if exchange.command is None or exchange.command is not self._held:
            return
        self._held = None
        if exchange.command.verb == "STARTTLS" and self._client.starts_with(TLS_HANDSHAKE):
            self._mode = Mode.SECRET
        elif not len(self._client) or self._client.begins(COMMAND_LINE):
            return
        elif exchange.command.verb == "DATA":
            self._begin_message()
        elif exchange.command.verb == "AUTH":
            self._credentials += 1
