"""Mail transactions (RFC 5321 §3.3), put together from exchanges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from testbed.protocols.smtp import parameters_of, path_of
from testbed.trace.model.exchange import UNSEEN, Command, Exchange, Recipient, Reply, Transaction
from testbed.trace.model.mail import NO_LETTER
from testbed.trace.services.letters import LetterReader

ENDS_TRANSACTION = frozenset(("RSET", "EHLO", "HELO", "LHLO"))


def ends_message(command: Command) -> bool:
    """Whether it is the last of a message: the octets up to the final dot, or the last chunk (RFC 3030 §2)."""
    return command.verb == "message" or (command.verb == "BDAT" and "LAST" in command.argument.upper())


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
        self._before: list[Exchange] = []  # of a transaction that a MAIL inside it ended
        self._holed = False  # commands are not in the capture
        self._unsent: Exchange | None = None  # DATA or a chunk, refused, so that no message came
        self._farewell: Reply | None = None  # a 421
        self._chunk: Exchange | None = None  # the last that was taken, before that with LAST

    def copy(self) -> TransactionLog:
        """Another log that goes on from here."""
        other = TransactionLog(each=self._each)
        other._done, other._mail = list(self._done), self._mail
        other._recipients, other._accepted = list(self._recipients), self._accepted
        other._before = list(self._before)
        other._holed, other._unsent, other._farewell = self._holed, self._unsent, self._farewell
        other._chunk = self._chunk
        return other

    def missed(self) -> None:
        """The capture does not hold all commands."""
        self._holed = True

    def due(self, command: Command) -> int:
        """How many replies the command gets that is answered next."""
        return self._accepted if self._each and self._accepted and ends_message(command) else 1

    def answered(self, exchange: Exchange, head: LetterReader) -> bool:
        """A command has its replies, or never gets one.  Tells whether it leaves no transaction behind."""
        assert exchange.command is not None
        verb, refused = exchange.command.verb, _refused(exchange)
        if exchange.reply is not None and exchange.reply.code == "421":
            self._farewell = exchange.reply
        if verb == "MAIL":
            if self._mail is None or not refused:  # a refused second MAIL leaves the first in force
                before = self._recipients if self._mail is not None else []
                self._end(None, None)
                self._mail, self._before = exchange, before
        elif verb == "RCPT" and (self._mail is not None or self._holed):
            self._recipients.append(exchange)
            self._accepted += _accepted(exchange)
        elif ends_message(exchange.command):
            self._end(exchange, head)
            return True
        elif verb in ("DATA", "BDAT") and refused:
            self._unsent = self._unsent or exchange
        elif verb == "BDAT":
            self._chunk = exchange
        elif not refused and verb in ENDS_TRANSACTION:
            self._end(None, None, given_up=verb == "RSET")
            return True
        return False

    def finish(self) -> tuple[Transaction, ...]:
        """All transactions.  A message whose last chunk never came was cut off."""
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
        if mail is None and not (self._holed and (message is not None or self._recipients)):
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
        self._holed, self._chunk = False, None

    def _fates(self, message: Exchange | None) -> Iterator[Recipient]:
        """The recipients of the transaction and what became of them."""
        own = iter(message.replies if message is not None else ())
        if self._holed and not self._recipients and message is not None:
            yield Recipient(UNSEEN, None, _taken(message), final=message.reply, unseen=True)
        for exchange in self._recipients:
            assert exchange.command is not None
            said, accepted = exchange.command.argument, _accepted(exchange)
            unseen = exchange.unseen or (accepted and message is not None and message.unseen)
            if exchange.unseen and message is not None and _taken(message):
                accepted = len(self._recipients) == 1 and not self._holed  # no message is taken for nobody
                unseen = not accepted
            final = None
            if accepted and self._each:
                final = next(own, None) if message is None or not message.unseen else _named(path_of(said), message)
            elif accepted or exchange.reply is None:
                decisive = message if message is not None else self._unsent
                final = decisive.reply if decisive is not None else None
            taken = accepted and final is not None and final.whole and final.code.startswith("2")
            yield Recipient(path_of(said), self._decided(exchange), taken, parameters_of(said), final, unseen)

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


def _taken(message: Exchange) -> bool:
    return message.reply is not None and message.reply.whole and message.reply.code.startswith("2")


def _named(address: str, message: Exchange) -> Reply | None:
    """The one of an LMTP server's replies that names a recipient."""
    return next((reply for reply in message.replies if address and address in reply.text), None)
