"""How many messages a reader was given."""

from __future__ import annotations

from testbed.protocols.imap import fetched_messages
from testbed.trace.model.exchange import Exchange


def retrieved(exchange: Exchange) -> int:
    """How many whole messages a reply of POP3 or IMAP holds."""
    command, reply = exchange.command, exchange.reply
    if command is None or reply is None or exchange.note:
        return 0
    if command.verb == "RETR" and reply.code == "+OK":
        return 1
    if command.verb in ("FETCH", "UID FETCH") and reply.code == "OK":
        return fetched_messages(command.argument, reply.lines)
    return 0
