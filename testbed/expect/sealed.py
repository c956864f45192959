"""What TLS keeps from us: connections that no key has opened, and verdicts that would need what was said in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from testbed.expect.verdict import Verdict
from testbed.plural import count
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.services.table import service_within


def sealed(analysis: Analysis, hosts: Iterable[str] | None = None) -> list[Connection]:
    """The connections whose dialogue stays encrypted; those of which one of ``hosts`` is an end, where given."""
    wanted = None if hosts is None else frozenset(hosts)
    return [
        connection
        for connection in analysis.connections
        if connection.tls is not None
        and connection.tls.sealed
        and (wanted is None or wanted & {connection.client.label, connection.server.label})
    ]


def hides_mail(connection: Connection) -> bool:
    """Whether mail may have gone over a sealed connection: its port says so, or nothing."""
    return not connection.service or service_within(connection.service).mail is not None


def ends(connections: Iterable[Connection]) -> frozenset[str]:
    """The hosts at both ends of connections."""
    return frozenset(end.label for connection in connections for end in (connection.client, connection.server))


def encrypted(connections: Sequence[Connection]) -> str:
    """A sentence about connections that stay closed."""
    ways = list(dict.fromkeys(f"{c.client.label} to {c.server.label}" for c in connections))
    number = "a connection" if len(connections) == 1 else count(len(connections), "connection")
    named = ", ".join(ways[:3]) + (" and others" if len(ways) > 3 else "")
    return f"{number} from {named} {'stays' if len(connections) == 1 else 'stay'} encrypted"


def unless_sealed(verdict: Verdict, closed: Sequence[Connection]) -> Verdict:
    """The verdict, or that nobody can tell: what was said on one of these connections might have turned it."""
    if not closed:
        return verdict
    frames = tuple(connection.first_frame for connection in closed)
    return replace(verdict, held=True, judged=False, why=encrypted(closed), frames=frames)
