"""What connections that went alike have in common."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.finding import Severity


class Turn(NamedTuple):
    """A command's verb, ``""`` where a server spoke unasked, and the codes and enhanced codes of its replies."""

    verb: str
    replies: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return " ".join(word for words in ((self.verb,), *self.replies) for word in words if word)


_turn = lru_cache(maxsize=4_096)(Turn)  # most connections are made of the same few, which need be there once


class ConnectionKind(Struct, frozen=True):
    """What is the same for connections that went alike.  ``findings`` are codes with their severities."""

    transport: str
    service: str
    handshake: Handshake
    closure: Closure
    closed_by: str
    conn_state: str
    history: str
    completeness: int
    dialogue: tuple[Turn, ...]
    findings: tuple[tuple[str, Severity], ...]


def kind_of(connection: Connection) -> ConnectionKind:
    """The kind of a connection that was analysed."""
    turns = []
    for exchange in connection.exchanges:
        verb = exchange.command.verb if exchange.command is not None and exchange.command.verb != "connect" else ""
        replies = tuple((reply.code, reply.enhanced) for reply in exchange.replies)
        if verb or replies:
            turns.append(_turn(verb, replies))
    return ConnectionKind(
        connection.transport.protocol,
        connection.service,
        connection.opening.handshake,
        connection.ending.closure,
        connection.ending.by,
        connection.transport.conn_state,
        connection.transport.history,
        connection.transport.completeness,
        tuple(turns),
        tuple((finding.code, finding.severity) for finding in connection.findings),
    )
