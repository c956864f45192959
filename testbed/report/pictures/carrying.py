"""Which connections belong to the way of the mail: those that carried it, tried to, or asked whether and where to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from testbed.protocols.events.mailbox import READS_AT_THE_END
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Severity
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of, service_within

MOST_CONNECTIONS = 1_000
"""Of a capture that are looked at one by one."""

_ADDRESSES = frozenset(("MX", "A", "AAAA"))
_POLICY_HOST = "mta-sts."  # RFC 8461 §3.3


class Carrying(Struct, frozen=True):
    """A connection that belongs to the way; ``pulls`` tells that the client fetches mail."""

    capture: int
    connection: Connection
    pulls: bool = False
    asks: bool = False  # a question to a name server
    policy_of: str = ""  # whose MTA-STS policy is fetched


def carrying(capture: int, analysis: Analysis, *, name_servers: bool) -> list[Carrying]:
    """The connections of a capture that belong to the way, in its order.

    Questions to name servers are among them where they went wrong; with ``name_servers``, all for mail servers.
    """
    looked_at = [connection for connection, _ in zip(analysis.connections, range(MOST_CONNECTIONS), strict=False)]
    looked_at = [connection for connection in looked_at if connection.client.label != READS_AT_THE_END]
    mail = [connection for connection in looked_at if _way(connection) is not None]
    readers = {connection.client.label for connection in mail}
    hosts = {end.label for connection in mail for end in (connection.client, connection.server)}
    wrong = {
        number for found in analysis.account if found.severity is not Severity.INFO for number in found.connections
    }

    def of(connection: Connection) -> Iterator[Carrying]:
        if (way := _way(connection)) is not None:
            yield Carrying(capture, connection, pulls=way is Mail.PULLED)
        elif service_of(connection.service).questions:
            failed = connection.number in wrong or any(f.severity is not Severity.INFO for f in connection.findings)
            if connection.client.label in hosts and _asks_for_servers(connection) and (failed or name_servers):
                yield Carrying(capture, connection, asks=True)
        elif (domain := policy_of(connection)) and connection.client.label in hosts:
            yield Carrying(capture, connection, policy_of=domain)
        elif service_of(connection.service).word == "HTTP" and connection.server.label in readers:
            yield Carrying(capture, connection, pulls=True)  # a web mail

    return [found for connection in looked_at for found in of(connection)]


def not_looked_at(analyses: Sequence[Analysis]) -> int:
    """How many connections are too many to be looked at."""
    return sum(max(0, len(analysis.connections) - MOST_CONNECTIONS) for analysis in analyses)


def _way(connection: Connection) -> Mail | None:
    if connection.transactions:
        return Mail.PUSHED
    return service_within(connection.service).mail


def policy_of(connection: Connection) -> str:
    """The domain whose MTA-STS policy somebody is after, by the name that TLS asks for; ``""`` for anybody else."""
    name = connection.tls.server_name.lower() if connection.tls is not None else ""
    return name.removeprefix(_POLICY_HOST) if name.startswith(_POLICY_HOST) else ""


def _asks_for_servers(connection: Connection) -> bool:
    return any(e.command is not None and e.command.verb in _ADDRESSES for e in connection.exchanges)
