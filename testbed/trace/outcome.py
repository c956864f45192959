"""The outcome of a connection in one line."""

from __future__ import annotations

from testbed.trace.model.connection import Closure, Handshake
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.services.table import service_of

_FAILED_HANDSHAKES = {
    Handshake.REFUSED: "connection refused",
    Handshake.UNANSWERED: "no answer to SYN",
    Handshake.UNREACHABLE: "unreachable (ICMP)",
    Handshake.INCOMPLETE: "handshake never completed",
}


def outcome(
    service: str,
    handshake: Handshake,
    closure: Closure,
    closed_by: str,
    exchanges: tuple[Exchange, ...],
    transactions: tuple[Transaction, ...],
) -> str:
    """What somebody wants to know first."""
    if handshake in _FAILED_HANDSHAKES:
        return _FAILED_HANDSHAKES[handshake]
    told = service_of(service).outcome(exchanges, transactions, closure, closed_by)
    return told or _plain(closure, closed_by)


def _plain(closure: Closure, closed_by: str) -> str:
    if closure is Closure.RESET:
        return f"reset by {closed_by}"
    return {Closure.NORMAL: "closed normally", Closure.HALF: f"half closed by {closed_by}"}.get(closure, "open")
