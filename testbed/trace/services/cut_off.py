"""Where a capture ends while a connection is still open, or holds one side of it only.

What had not happened by then may have happened later, and what one side has not said, the other may have.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from testbed.trace.model.exchange import UNSEEN, Exchange, Recipient, Transaction
from testbed.trace.services.listening import Spoken


def cut_off(spoken: Spoken, note: str) -> Spoken:
    """What was said, where nobody knows whether there were replies; ``note`` tells why."""
    exchanges = {id(exchange): _waits(exchange, note) for exchange in spoken.exchanges}

    def now(exchange: Exchange | None) -> Exchange | None:
        return exchanges.get(id(exchange), exchange)

    return replace(
        spoken,
        exchanges=tuple(exchanges[id(exchange)] for exchange in spoken.exchanges),
        transactions=tuple(
            _open(transaction, now, is_last=place == len(spoken.transactions))
            for place, transaction in enumerate(spoken.transactions, 1)
        ),
    )


def _waits(exchange: Exchange, note: str) -> Exchange:
    reply = exchange.reply
    waits = exchange.command is not None and (reply is None or not reply.whole) and not exchange.unseen
    return replace(exchange, note=note, unseen=True) if waits else exchange


def _open(transaction: Transaction, now: Callable[[Exchange | None], Exchange | None], *, is_last: bool) -> Transaction:
    recipients = tuple(map(_in_suspense, transaction.recipients))
    if is_last and not recipients:
        recipients = (Recipient(UNSEEN, None, False, unseen=True),)
    return replace(transaction, message=now(transaction.message), recipients=recipients)


def _in_suspense(recipient: Recipient) -> Recipient:
    decided = recipient.refused or recipient.final is not None
    return recipient if decided else replace(recipient, unseen=True)
