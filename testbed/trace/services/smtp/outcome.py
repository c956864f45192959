"""What became of mail transactions, in a few words each."""

from __future__ import annotations

from testbed.protocols.smtp import BEGINS_TLS
from testbed.trace.model.connection import Closure, Ending
from testbed.trace.model.exchange import UNSEEN, Exchange, Recipient, Transaction
from testbed.trace.services.behind_tls import stayed_in_clear, tls_never_began


def outcome_of_mail(exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...], ending: Ending) -> str:
    """What became of each transaction, else why there was none; then how the connection ended if not in order."""
    seen_to_end = ending.closure in (Closure.NORMAL, Closure.RESET)
    parts = [outcome_of_transaction(transaction, seen_to_end=seen_to_end) for transaction in transactions]
    parts = parts or [outcome_without_mail(exchanges, ending)]
    if ending.closure is Closure.RESET:
        parts.append(str(ending))
    elif ending.closure is Closure.OPEN and exchanges:
        parts.append("never closed")
    return "; ".join(dict.fromkeys(part for part in parts if part))


def outcome_of_transaction(transaction: Transaction, *, seen_to_end: bool = True) -> str:
    """``mail for bob@someschool.edu: 452 4.2.2 Mailbox full``; recipients of one fate together.

    ``seen_to_end`` tells that the capture holds the end of the connection, so that no more replies came.
    """
    fates: dict[str, list[str]] = {}
    for recipient in transaction.recipients:
        fates.setdefault(fate_of(recipient, transaction, seen_to_end=seen_to_end), []).append(recipient.address)
    mail = f"mail from {UNSEEN}" if transaction.sender == UNSEEN else "mail"
    words = []
    for fate, addresses in fates.items():
        whom = ", ".join(addresses[:3]) + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")
        words.append(f"{mail} for {whom}: {fate}")
    if not words and transaction.sender == UNSEEN:
        return f"mail from {UNSEEN}: its recipients are not in the capture"
    return "; ".join(words) or f"MAIL FROM:<{transaction.sender}> and no recipient"


def fate_of(recipient: Recipient, transaction: Transaction, *, seen_to_end: bool = True) -> str:
    """What became of a transaction for one recipient: ``taken``, ``452 4.2.2 Mailbox full``, ``not sent`` …

    ``seen_to_end`` is as in :func:`outcome_of_transaction`.
    """
    message, reply, final = transaction.message, recipient.reply, recipient.final
    no_reply = "no reply" if seen_to_end else "no reply in the capture"
    if recipient.unseen and not recipient.accepted and not recipient.refused:
        return _unseen_fate(recipient, message)
    if recipient.accepted:
        return "taken"
    if reply is None and message is None:
        return "no reply to RCPT" if seen_to_end else "no reply to RCPT in the capture"
    if reply is not None and not reply.whole:
        return "the reply to RCPT broke off"
    if reply is not None and not reply.code.startswith("2"):
        return f"{reply.status} {reply.text}"
    if final is None and message is None:
        return "given up by the client (RSET)" if transaction.given_up else "not sent"
    if final is None:
        whole = message is not None and message.command is not None and message.command.whole
        return f"message sent, {no_reply}" if whole else "message cut off"
    return f"{final.status} {final.text}" if final.whole else "message sent, and the reply broke off"


def outcome_without_mail(exchanges: tuple[Exchange, ...], ending: Ending) -> str:
    """Where there was no transaction: the first refusal, or why no more is to be seen; ``""`` where nobody spoke."""
    for exchange in exchanges:
        if exchange.reply is not None and exchange.reply.code[:1] in ("4", "5"):
            verb = exchange.command.verb if exchange.command else "the connection"
            return f"{exchange.reply.status} to {verb}: {exchange.reply.text}"
        if tls_never_began(exchange):
            never = "and never began" if ending.closure is not Closure.OPEN else "and the capture ends there"
            return f"TLS was agreed on, {never}"
        if exchange.command is not None and exchange.command.verb in BEGINS_TLS and exchange.reply is not None:
            if stayed_in_clear(exchange):
                continue
            return f"encrypted after {exchange.command.verb}"
    if any(exchange.unseen for exchange in exchanges):
        return "no mail transaction in the capture"
    return "no mail transaction" if exchanges else ""


def _unseen_fate(recipient: Recipient, message: Exchange | None) -> str:
    """What is known of a recipient when what decides on it is not in the capture."""
    if message is None and recipient.address == UNSEEN:
        return "not in the capture"
    if message is None and recipient.reply is None:
        return "the reply to RCPT is not in the capture"
    if message is None:
        return "the message is not in the capture"
    if message.command is not None and not message.command.whole:
        return "the end of the message is not in the capture"
    if message.reply is None:
        return "message sent, its reply is not in the capture"
    if message.reply.code[:1] in ("4", "5"):
        return f"{message.reply.status} {message.reply.text}"
    return "unknown, a reply is not in the capture"
