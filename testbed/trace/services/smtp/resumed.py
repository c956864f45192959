"""The SMTP dialogue where parts of it are not in the capture: late beginnings, and holes on either side.

What is missing was said all the same.  So a command whose reply is in a hole was answered, a reply whose command is in
a hole answers that, and octets of the client that are no command behind a hole are the rest of a message, or a secret.
"""

from __future__ import annotations

from dataclasses import replace

from testbed.protocols.tcp import distance
from testbed.trace.flows import CLIENT
from testbed.trace.model.exchange import COMMAND_NOT_CAPTURED, Command, Exchange, Reply
from testbed.trace.model.phase import Phase
from testbed.trace.services.awaiting import is_behind
from testbed.trace.services.credentials import MASK
from testbed.trace.services.lines import Line
from testbed.trace.services.messages import OnMessage
from testbed.trace.services.smtp.dialogue import TLS_HANDSHAKE, SmtpDialogue
from testbed.trace.services.smtp.holes import (
    COMMAND_LINE,
    OF_AUTH,
    Holes,
    answers_message,
    said_before,
)
from testbed.trace.services.smtp.message import MessageReader
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
        self._holes = Holes(each=each)
        self._holed = False  # something is missing, now or earlier
        self._hole_end: int | None = None  # of the last hole in what the server said
        self._torn: Gap | None = None  # the hole right before the client's next line
        self._torn_message: Gap | None = None  # the holes in the message it sends
        self._text: Command | None = None  # lines that are no commands, as what they are if they are a secret

    def _gap(self, gap: Gap) -> None:
        in_message, said, answered = self._mode is not Mode.COMMANDS, len(self._client), self._unfinished_reply()
        behind = gap.octets - self._chunk.left if self._chunk is not None and gap.side == CLIENT else 0
        if gap.side != CLIENT:
            self._end_in_hole()
        super()._gap(gap)
        self._holed = True
        if gap.side == CLIENT and in_message:
            before = self._torn_message.octets if self._torn_message is not None else 0
            self._torn_message = replace(gap, octets=gap.octets + before)
            if self._holes.replies:
                self._end_in_hole()
        if gap.side != CLIENT or not gap.octets:
            self._holes.replies = True
            self._hole_end = gap.end
            self._record.transactions.missed_replies(gap.octets and gap.octets + answered)
        if behind > 0:
            self._waiting.holed = True
            self._record.transactions.missed(behind)
        if gap.side == CLIENT and not in_message:
            self._waiting.holed, self._torn, self._credentials = True, gap, 0
            self._record.transactions.missed(gap.octets and gap.octets + said)

    def _unfinished(self) -> None:
        if self._text is not None:
            self._give_up_text()
            self._client.clear()
        if self._message is not None and self._message.holed and self._mode is Mode.MESSAGE:
            self._leave_message(self._message)
        if self._holes.is_open(self._waiting):
            self._settle(all_answered=self._holes.hold_replies)
        super()._unfinished()

    def _leave_message(self, message: MessageReader) -> None:
        """Its end is in a hole, and what was said behind it."""
        self._wait_for(message.abandon())
        self._message, self._mode = None, Mode.COMMANDS
        self._client.clear()
        while self._waiting:
            self._pass_over()

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._text = self._torn = None
        self._holes.close()

    def _unfinished_reply(self) -> int:
        return len(self._server) + sum(line.octets for _, line in self._replies.unfinished)

    def _end_in_hole(self) -> None:
        """The server has spoken, so a message with a hole ended in it; more may have been said there."""
        if self._mode is not Mode.MESSAGE or self._message is None or self._text is not None:
            return
        ended, torn = self._message.answered("250", again=False) if self._message.holed else None, self._torn_message
        if isinstance(ended, Command):
            self._end_message(ended)
            self._torn = torn
            self._waiting.holed = True
            self._record.transactions.missed(torn.octets if torn is not None else 0)

    # -- the client ---------------------------------------------------------------------------------

    def _client_goes_on(self) -> None:
        """It has had the replies to what it had said."""
        if self._text is not None and self._client.begins(COMMAND_LINE):
            self._give_up_text()
        if self._holes.is_open(self._waiting) and self._has_heard_more():
            self._settle(all_answered=True)
            self._holes.replies = is_behind(self._hole_end, self._client.heard)
        super()._client_goes_on()

    def _has_heard_more(self) -> bool:
        """Whether the client has heard something since it last spoke, as it must have if all replies came."""
        before, now = self._waiting.newest.heard, self._client.heard
        return before is None or now is None or distance(now, before) > 0

    def _command(self, line: Line) -> None:
        torn, self._torn = self._torn, None
        if torn is not None and COMMAND_LINE.match(line.raw) is not None:
            self._credentials = 0  # what was asked for is in the hole
        if torn is not None and not self._credentials and COMMAND_LINE.match(line.raw) is None:
            self._begin_message()
            assert self._message is not None
            self._text = Command("AUTH", MASK, line.frames, line.time_ns, line.octets)
            self._message.hole(torn, None)
            self._message_line(line)
        else:
            super()._command(line)

    def _end_message(self, command: Command) -> None:
        self._text = self._torn_message = None
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
        if reply.code[:1] in ("2", "4", "5") and reply.code != "421":
            self._end_in_hole()
        if not (self._holes.is_open(self._waiting) or self._may_have_more()):
            super()._answered(reply, parts)
            return
        self._holes.add(reply, parts)
        if self._holes.answered(self._waiting, all_answered=False)[-1] is not None:
            self._settle(all_answered=False)

    def _may_have_more(self) -> bool:
        """Whether nobody knows how many replies the oldest command still gets."""
        oldest = self._waiting.oldest
        return oldest is not None and (self._waiting.torn or self._record.transactions.due(oldest) is None)

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
        self._credentials = int(reply.code == "334")  # whatever answered one before it is missing, too
        if answers_message(reply):
            message = Command("message", "", (), reply.time_ns, 0)
            self._record.transactions.said(message, unseen=True)
            self._record.unseen(Exchange(Phase.TRANSFER, message, reply, note, unseen=True))
        else:
            phase = Phase.CLOSURE if reply.code in ("221", "421") else Phase.TRANSFER
            self._record.add(Exchange(phase, None, reply, note, unseen=True))
            self._record.transactions.unseen_reply()

    # -- both in step again ---------------------------------------------------------------------------

    def _settle(self, *, all_answered: bool) -> None:
        """Give the replies that came behind a hole to the commands they answer, and pass over those between.

        The commands behind those still wait, unless ``all_answered`` tells that they do not.
        """
        asked = self._waiting.commands
        commands = [one.words for one in asked]
        places = self._holes.answered(self._waiting, all_answered=all_answered)
        pending = self._holes.pending
        if all_answered:
            self._holes.close()
            self._waiting.close_holes()
        self._holes.pending = []
        for one, place in zip(pending, places, strict=True):
            reply, parts = one.words
            if place is None:
                for command in said_before(asked, reply):
                    if self._waiting.oldest is command:
                        self._held = None  # what came behind it is over
                        self._pass_over()
                self._waiting.torn = self._waiting.begun
                self._answer_unseen(reply)
                continue
            while self._waiting.oldest is not commands[place]:
                self._pass_over()
            self._waiting.torn = self._waiting.torn or one.behind_hole
            super()._answered(reply, parts)
        while all_answered and any(self._waiting.oldest is command for command in commands):
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
        elif not len(self._client) or self._client.begins(COMMAND_LINE) or self._torn is not None:
            return
        elif exchange.command.verb == "DATA":
            self._begin_message()
        elif exchange.command.verb == "AUTH":
            self._credentials = 1
