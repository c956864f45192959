"""What the extensions of SMTP make happen (RFC 2920)."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Transaction
from testbed.trace.model.finding import Finding, Severity

_LONE_DOT = 3  # octets, CRLF included


def is_lone_dot(transaction: Transaction) -> bool:
    """Whether nothing was sent after 354, for every recipient had been refused (RFC 2920 §3.1)."""
    command = transaction.message.command if transaction.message is not None else None
    replies = [recipient.reply for recipient in transaction.recipients]
    empty = command is not None and command.verb == "message" and command.octets == _LONE_DOT
    return empty and bool(replies) and all(reply is not None and reply.code[:1] in ("4", "5") for reply in replies)


def lone_dots(connection: Connection) -> Iterator[Finding]:
    """Mail data begun although every recipient had been refused, and ended with nothing in it."""
    for transaction in connection.transactions:
        message = transaction.message
        if message is not None and is_lone_dot(transaction):
            text = (
                f"{connection.server.label} asked for mail data although it had refused every recipient; "
                f"{connection.client.label} sent a lone dot, so nothing was delivered"
            )
            yield connection.finding("lone-dot", Severity.INFO, text, message.frames, "RFC 2920 §3.1")
