"""Mail transactions (RFC 5321 §3.3), put together from exchanges."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

from msgspec.structs import replace

from testbed.protocols.smtp import parameters_of, path_of
from testbed.trace.model.exchange import UNSEEN, Command, Exchange, Recipient, Reply, Transaction
from testbed.trace.model.mail import NO_LETTER
from testbed.trace.services.letters import LetterReader

# The fewest octets in which these can be said.
RSET, MAIL, RCPT, DATA, DOT = (len(line) for line in ("RSET..", "MAIL FROM:<>..", "RCPT TO:<a>..", "DATA..", "..."))
_SHORTEST_REPLY = len("250..")
_ANY = 1 << 40
_OF_TRANSACTION = frozenset(("MAIL", "RCPT", "DATA", "BDAT"))
ENDS_TRANSACTION = frozenset(("RSET", "EHLO", "HELO", "LHLO"))


def ends_message(command: Command) -> bool:
    """Whether it is the last of a message: the octets up to the final dot, or the last chunk (RFC 3030 §2)."""
    return command.verb == "message" or (command.verb == "BDAT" and "LAST" in command.argument.upper())


@dataclass(slots=True)
class Hole:
    """How much may have been said that the capture does not hold: octets of commands, and how many replies."""

    octets: int = 0
    replies: int = 0

    def __bool__(self) -> bool:
        return bool(self.octets)

    def may_hold(self, *commands: int) -> bool:
        """Whether commands of so many octets, each with its reply, may be in it."""
        return self.octets >= sum(commands) and self.replies >= len(commands)


class TransactionLog:
    """Watches exchanges go by and keeps the transactions.

    ``each`` tells that a message is answered once for each recipient that was accepted (LMTP, RFC 2033 §4.2).
    """

    def __init__(self, *, each: bool = False) -> None:
        self._each = each
        self._done: list[Transaction] = []
        self._mail: Exchange | None = None
        self._recipients: list[Exchange] = []
        self._accepted = 0  # of them
        self._missing = 0  # octets of commands behind the last that was said
        self._behind: dict[int, int] = {}  # octets missing right before a command
        self._hole = Hole()  # in this transaction
        self._since = Hole()  # behind its last command
        self._before: list[Exchange] = []  # of a transaction that a MAIL inside it ended
        self._unsent: Exchange | None = None  # DATA or a chunk, refused, so that no message came
        self._farewell: Reply | None = None  # a 421
        self._chunk: Exchange | None = None  # the last that was taken, before that with LAST

    def copy(self) -> TransactionLog:
        """Another log that goes on from here."""
        other = TransactionLog(each=self._each)
        other._done, other._mail = list(self._done), self._mail
        other._recipients, other._accepted = list(self._recipients), self._accepted
        other._missing, other._behind, other._unsent = self._missing, dict(self._behind), self._unsent
        other._hole, other._since = copy(self._hole), copy(self._since)
        other._before, other._farewell, other._chunk = list(self._before), self._farewell, self._chunk
        return other

    def missed(self, octets: int) -> None:
        """The capture does not hold all commands; so many octets are missing, 0 where nobody knows how many."""
        self._missing += octets or _ANY

    def missed_replies(self, octets: int) -> None:
        """The capture does not hold all replies."""
        self._may_have_replied(octets // _SHORTEST_REPLY if octets else _ANY)

    def unseen_reply(self) -> None:
        """A reply came to a command that is not in the capture."""
        self._may_have_replied(1)

    def said(self, command: Command, *, unseen: bool = False) -> None:
        """A command behind what is missing, or an ``unseen`` one in the midst of it."""
        if self._missing:
            self._behind[id(command)] = self._missing
            self._missing = self._missing if unseen else 0

    def due(self, command: Command) -> int | None:
        """How many replies the command gets that is answered next, None where the capture does not tell."""
        if not self._each or not ends_message(command):
            return 1
        missing = self._hole.octets + self._behind.get(id(command), 0)
        if Hole(missing, self._hole.replies).may_hold(RCPT) or any(one.unseen for one in self._recipients):
            return None
        return self._accepted or 1

    def answered(self, exchange: Exchange, head: LetterReader) -> bool:
        """A command has its replies, or never gets one.  Tells whether it leaves no transaction behind."""
        assert exchange.command is not None
        verb, refused = exchange.command.verb, _refused(exchange)
        self._reach(exchange.command)
        if exchange.reply is not None and exchange.reply.code == "421":
            self._farewell = exchange.reply
        if verb == "MAIL":
            if self._mail is None or not refused:  # a refused second MAIL leaves the first in force
                before = self._recipients if self._mail is not None else []
                self._end(None, None)
                self._mail, self._before = exchange, before
                self._hole = Hole(replies=self._since.replies if exchange.unseen else 0)
        elif verb == "RCPT" and (self._mail is not None or self._hole):
            if self._since.may_hold(*self._to_begin_anew(), MAIL) or (_accepted(exchange) and self._refused_mail()):
                self._begin_unseen()
            self._recipients.append(exchange)
            self._accepted += _accepted(exchange)
        elif ends_message(exchange.command):
            if self._since.may_hold(*self._to_begin_anew(), MAIL, RCPT, *(() if verb == "BDAT" else (DATA,))):
                self._begin_unseen()
            self._end(exchange, head)
            return True
        elif verb in ("DATA", "BDAT") and refused and not _goes_on(exchange):
            self._unsent = self._unsent or exchange
        elif verb in ("DATA", "BDAT"):
            if self._since.may_hold(*self._to_begin_anew(), MAIL, RCPT):
                self._begin_unseen()
            self._chunk = exchange if verb == "BDAT" else self._chunk
        elif not refused and verb in ENDS_TRANSACTION:
            self._end(None, None, given_up=verb == "RSET")
            return True
        if verb in _OF_TRANSACTION:
            self._since.octets = 0
            self._since.replies = 0 if exchange.reply is not None else self._since.replies
        return False

    def _reach(self, command: Command) -> None:
        """What is missing before a command is not behind it."""
        missing = self._behind.pop(id(command), 0)
        self._hole.octets += missing
        self._since.octets += missing

    def _may_have_replied(self, many: int) -> None:
        self._hole.replies += many
        self._since.replies += many

    def _refused_mail(self) -> bool:
        return self._mail is not None and _refused(self._mail)

    def _to_begin_anew(self) -> tuple[int, ...]:
        """What comes before another MAIL at least, unless there is no transaction to end."""
        return () if self._refused_mail() or not (self._mail or self._recipients) else (RSET,)

    def _begin_unseen(self) -> None:
        """What comes may belong to a transaction whose beginning is not in the capture."""
        if self._mail is None and not self._recipients:
            return
        hole = self._since
        self._end(None, None)
        self._hole = hole

    def finish(self) -> tuple[Transaction, ...]:
        """All transactions.  A message whose last chunk never came was cut off."""
        self._hole.octets += self._missing
        self._since.octets += self._missing
        chunk = self._chunk
        if chunk is not None and chunk.command is not None and not chunk.unseen and self._unsent is None:
            cut_off = replace(chunk.command, whole=False)
            self._end(replace(chunk, command=cut_off, reply=None, further=()), None)
        self._end(None, None)
        return tuple(self._done)

    def _end(self, message: Exchange | None, head: LetterReader | None, *, given_up: bool = False) -> None:
        if self._mail is not None and self._mail.reply is None and not (self._mail.unseen or self._recipients):
            self._mail = None  # nobody knows what it would have come to
        if self._before and not self._recipients and message is not None:
            self._done.pop()  # a server that takes a message for nobody has kept the recipients before
            self._recipients, self._accepted = self._before, sum(map(_accepted, self._before))
        self._before = []
        mail = self._mail.command if self._mail is not None else None
        if mail is None and not (self._hole and (message is not None or self._recipients)):
            return
        if message is None and self._unsent is not None and self._unsent.command is not None:
            message = self._unsent if self._unsent.command.verb == "BDAT" else None
        parts = [part for part in (self._mail, *self._recipients, message) if part is not None]
        self._done.append(
            Transaction(
                sender=path_of(mail.argument) if mail is not None else UNSEEN,
                recipients=tuple(self._fates(message)),
                message=message,
                letter=head.letter() if head else NO_LETTER,
                frames=tuple(frame for part in parts for frame in part.frames),
                parameters=parameters_of(mail.argument) if mail is not None else "",
                given_up=given_up and message is None,
            )
        )
        self._mail, self._recipients, self._accepted, self._unsent, self._farewell = None, [], 0, None, None
        self._hole, self._since, self._chunk = Hole(), Hole(), None

    def _fates(self, message: Exchange | None) -> Iterator[Recipient]:
        """The recipients of the transaction and what became of them."""
        own = iter(message.replies if message is not None else ())
        more = self._hole.may_hold(RCPT)  # recipients, and perhaps those alone for whom the message was
        if not self._recipients and more and (message is not None or not self._refused_mail()):
            final = message.reply if message is not None else None
            yield Recipient(UNSEEN, None, message is not None and _taken(message), final=final, unseen=True)
        known = not more and not any(exchange.unseen for exchange in self._recipients)
        for exchange in self._recipients:
            assert exchange.command is not None
            said, accepted, unseen = exchange.command.argument, _accepted(exchange), exchange.unseen
            if unseen and message is not None and len(self._recipients) == 1 and not more:
                accepted, unseen = True, False  # no message is sent for nobody
            unseen = unseen or (accepted and self._unseen_end(message))
            final = None
            if accepted and self._each:
                is_known = message is None or (known and not message.unseen)
                final = next(own, None) if is_known else _named(path_of(said), message)
                unseen = unseen or (final is None and not is_known)
            elif accepted or (exchange.reply is None and not unseen):
                decisive = message if message is not None else self._unsent
                final = decisive.reply if decisive is not None else None
            taken = accepted and final is not None and final.whole and final.code.startswith("2")
            yield Recipient(path_of(said), self._decided(exchange), taken, parameters_of(said), final, unseen)

    def _unseen_end(self, message: Exchange | None) -> bool:
        """Whether a message, or the reply to it, is not in the capture."""
        if message is not None:
            return message.unseen
        return self._unsent is None and self._since.may_hold(DATA, DOT)

    def _decided(self, recipient: Exchange) -> Reply | None:
        """The reply that decided on a recipient.

        It is that of a refused MAIL where RCPT was said all the same, in vain; and a 421 is the reply to whatever was
        sent with the command it came to (RFC 5321 §3.8).
        """
        mail, unanswered = self._mail, recipient.reply is None and not recipient.unseen
        if mail is not None and _refused(mail) and (unanswered or _refused(recipient)):
            return mail.reply
        return self._farewell if unanswered else recipient.reply


def _accepted(recipient: Exchange) -> bool:
    reply = recipient.reply
    return reply is not None and reply.whole and reply.code.startswith("2")


def _refused(exchange: Exchange) -> bool:
    reply = exchange.reply
    return reply is not None and reply.whole and not reply.code.startswith("2")


def _goes_on(exchange: Exchange) -> bool:
    return exchange.reply is not None and exchange.reply.code.startswith("3")


def _taken(message: Exchange) -> bool:
    return message.reply is not None and message.reply.whole and message.reply.code.startswith("2")


def _named(address: str, message: Exchange | None) -> Reply | None:
    """The one of an LMTP server's replies that names a recipient."""
    replies = message.replies if message is not None else ()
    return next((reply for reply in replies if address and address in reply.text), None)
