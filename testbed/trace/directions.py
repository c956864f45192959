"""Which way mail went on a connection: pushed by the client (SMTP), or pulled by it (POP3, IMAP, HTTP)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from testbed.trace.model.connection import Connection
from testbed.trace.services.table import service_of

_MOST_HOPS = 12


class Hops(Struct, frozen=True):
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
        client, server, service = connection.client.label, connection.server.label, service_of(connection.service)
        if any(to.accepted for transaction in connection.transactions for to in transaction.recipients):
            pushed[f"{client} to {server}"] = None
        elif any(service.pulled(exchange) for exchange in connection.exchanges):
            pulled[f"{client} from {server} by {service.word}"] = None
    return Hops(tuple(pushed), tuple(pulled))


def _listed(hops: tuple[str, ...]) -> str:
    more = f" and {len(hops) - _MOST_HOPS} more" if len(hops) > _MOST_HOPS else ""
    return ", ".join(hops[:_MOST_HOPS]) + more
