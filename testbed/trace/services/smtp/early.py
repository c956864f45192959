"""Refusals that come in the middle of a message, as of one that is too big: most servers say no more at its end."""

from __future__ import annotations

from testbed.protocols.refusals import ends_idleness
from testbed.trace.model.exchange import Exchange, Reply
from testbed.trace.services.smtp.record import Record
from testbed.trace.services.smtp.waiting import Waiting


class EarlyRefusal:
    """The refusal of the message that is sent, or was last sent, if one came before its end."""

    def __init__(self, record: Record, waiting: Waiting) -> None:
        self._record = record
        self._waiting = waiting
        self._exchange: Exchange | None = None

    def forget(self) -> None:
        """Another message begins."""
        self._exchange = None

    def note(self, exchange: Exchange) -> None:
        """The server has spoken in the middle of a message; 421 and words of impatience refuse no message."""
        reply = exchange.reply
        if reply is None or reply.code[:1] not in ("4", "5") or reply.code == "421":
            return
        if not ends_idleness(reply.code, reply.enhanced, reply.text):
            self._exchange = self._exchange or exchange

    def conclude(self, reply: Reply | None = None) -> None:
        """Another reply has come, or none comes any more: where the message has none of its own, it was refused."""
        early, oldest = self._exchange, self._waiting.oldest
        if early is None or early.reply is None or oldest is None or oldest.verb != "message":
            return
        if reply is not None and not self._waiting.refuses(reply):
            return
        self._exchange = None
        self._record.take_back(early)
        exchange = self._waiting.answer(early.reply, 1)
        if exchange is not None:
            self._record.exchanged(exchange)
