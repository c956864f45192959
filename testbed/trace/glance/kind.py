"""What connections that went alike have in common."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.finding import Severity


@dataclass(frozen=True, slots=True)
class Kind:
    """What is the same for connections that went alike.

    ``dialogue`` is ``220 EHLO 250 MAIL 250 RCPT 452 4.2.2 QUIT 221``; ``findings`` are codes with their severities.
    """

    transport: str
    service: str
    handshake: Handshake
    closure: Closure
    closed_by: str
    conn_state: str
    history: str
    completeness: int
    dialogue: str
    findings: tuple[tuple[str, Severity], ...]


def kind_of(connection: Connection) -> Kind:
    """The kind of a connection that was analysed."""
    words = []
    for exchange in connection.exchanges:
        if exchange.command is not None and exchange.command.verb != "connect":
            words.append(exchange.command.verb)
        words += (reply.status for reply in exchange.replies)
    return Kind(
        connection.transport.protocol,
        connection.service,
        connection.opening.handshake,
        connection.ending.closure,
        connection.ending.by,
        connection.transport.conn_state,
        connection.transport.history,
        connection.transport.completeness,
        " ".join(words),
        tuple((finding.code, finding.severity) for finding in connection.findings),
    )
