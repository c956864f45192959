"""Which way mail went on a connection: pushed by the client (SMTP), or pulled by it (POP3, IMAP, HTTP)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.reading.results import reading_result

_MOST_HOPS = 12
_BY = {"pop3": "POP3", "imap": "IMAP", "http": "HTTP"}


@dataclass(frozen=True, slots=True)
class Hops:
    """Between whom mail went, each pair once, in order: ``client to server``, ``client from server by POP3``."""

    pushed: tuple[str, ...]
    pulled: tuple[str, ...]

    def describe(self) -> str:
        """A sentence where mail was both pushed and pulled, else ``""``."""
        if not self.pushed or not self.pulled:
            return ""
        return f"pushed: {_listed(self.pushed)} · pulled: {_listed(self.pulled)}"


def hops(connections: Iterable[Connection]) -> Hops:
    """Who pushed a message to whom, and who pulled one from whom, or a page that was asked for with GET."""
    pushed: dict[str, None] = {}
    pulled: dict[str, None] = {}
    for connection in connections:
        client, server = connection.client.label, connection.server.label
        if any(to.accepted for transaction in connection.transactions for to in transaction.recipients):
            pushed[f"{client} to {server}"] = None
        elif connection.service in _BY and any(_pulls(exchange) for exchange in connection.exchanges):
            pulled[f"{client} from {server} by {_BY[connection.service]}"] = None
    return Hops(tuple(pushed), tuple(pulled))


def _pulls(exchange: Exchange) -> bool:
    command, reply = exchange.command, exchange.reply
    got = command is not None and command.verb == "GET" and reply is not None and reply.code == "200"
    return got or reading_result(exchange).fetched > 0


def _listed(hops: tuple[str, ...]) -> str:
    more = f" and {len(hops) - _MOST_HOPS} more" if len(hops) > _MOST_HOPS else ""
    return ", ".join(hops[:_MOST_HOPS]) + more
