"""What a dialogue has come to so far: its exchanges, and the transactions they make.  It can go back to a place."""

from __future__ import annotations

from msgspec import Struct

from testbed.trace.model.exchange import Command, Exchange
from testbed.trace.services.letters import LetterReader
from testbed.trace.services.smtp.spilled import SentTooEarly
from testbed.trace.services.smtp.transactions import TransactionLog, ends_message

_MAX_EXCHANGES = 1_000_000


class Place(Struct, frozen=True):
    """How far a record had come: so many exchanges, these transactions, the head of the message last read."""

    exchanges: int
    transactions: TransactionLog
    head: LetterReader


class Record:
    """Exchanges and transactions.  ``each`` is that of :class:`TransactionLog`."""

    def __init__(self, *, each: bool) -> None:
        self.exchanges: list[Exchange] = []
        self.transactions = TransactionLog(each=each)
        self.head = LetterReader()
        self._heads: dict[int, LetterReader] = {}  # of messages that wait for their replies, by the command

    def said(self, command: Command) -> None:
        """The client has said it; the head of a message goes with what ends it."""
        self.transactions.said(command)
        if ends_message(command):
            self._heads[id(command)] = self.head
            self.head = LetterReader()

    def begin_message(self) -> LetterReader:
        """A message begins, of which nothing was read before."""
        self.head = LetterReader()
        return self.head

    def add(self, exchange: Exchange) -> None:
        """An exchange that bears on no transaction."""
        if len(self.exchanges) < _MAX_EXCHANGES:
            self.exchanges.append(exchange)

    def take_back(self, exchange: Exchange) -> None:
        """What was added is part of another exchange."""
        self.exchanges = [one for one in self.exchanges if one is not exchange]

    def exchanged(self, exchange: Exchange) -> None:
        """A command has all its replies."""
        self.add(exchange)
        self._answered(exchange)

    def _answered(self, exchange: Exchange) -> None:
        head = self._heads.pop(id(exchange.command), None)
        if self.transactions.answered(exchange, head or self.head) and head is None:
            self.head = LetterReader()

    def unanswered(self, exchange: Exchange) -> None:
        """A command never gets its reply, or no more replies."""
        assert exchange.command is not None
        if exchange.command.frames:
            self.add(exchange)
        if isinstance(exchange.result, SentTooEarly):
            return
        bears_on_mail = exchange.command.verb in ("MAIL", "RCPT") or ends_message(exchange.command)
        if bears_on_mail or exchange.reply is not None:
            self._answered(exchange)

    def unseen(self, exchange: Exchange) -> None:
        """A command has its replies, and not all of them are in the capture; or it is not itself."""
        if exchange.command is None or exchange.command.frames or exchange.reply is not None:
            self.add(exchange)
        if exchange.command is not None:
            self._answered(exchange)

    def place(self) -> Place:
        """Where it is."""
        return Place(len(self.exchanges), self.transactions.copy(), self.head)

    def go_back(self, place: Place) -> None:
        """What came since was something else."""
        del self.exchanges[place.exchanges :]
        self.transactions, self.head = place.transactions, place.head
