"""Messages marked for deletion in a POP3 session that ended too early."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity


def undone_deletions(connection: Connection) -> Iterator[Finding]:
    """POP3 deletes at QUIT and not before: a connection cut earlier undoes every DELE (RFC 1939 §6)."""
    if connection.ending.closure is Closure.OPEN:
        return
    marked: list[Exchange] = []
    for exchange in connection.exchanges:
        verb = _verb(exchange)
        if verb == "DELE" and exchange.reply is not None and exchange.reply.code == "+OK":
            marked.append(exchange)
        elif verb == "RSET" and exchange.reply is not None:
            marked.clear()
        elif verb == "QUIT":
            yield from () if exchange.reply is not None else _in_doubt(connection, exchange, len(marked))
            return
    if not marked or connection.transport.gaps:
        return
    text = f"the connection ended without QUIT: {connection.server.label} keeps what {connection.client.label} marked "
    text += f"for deletion ({_messages(len(marked))})"
    frames = tuple(frame for exchange in marked for frame in exchange.frames)
    yield connection.finding("deletions-undone", Severity.WARNING, text, frames, "RFC 1939 §6")


def _in_doubt(connection: Connection, goodbye: Exchange, marked: int) -> Iterator[Finding]:
    """QUIT was said and not answered: the server may have gone into the UPDATE state, or not."""
    if marked and not connection.transport.gaps:
        text = f"{connection.server.label} never answered the QUIT of {connection.client.label}: only the next session "
        text += f"shows whether what was marked for deletion ({_messages(marked)}) is gone"
        yield connection.finding("deletions-in-doubt", Severity.WARNING, text, goodbye.frames, "RFC 1939 §6")


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"


def _verb(exchange: Exchange) -> str:
    return exchange.command.verb if exchange.command is not None else ""
