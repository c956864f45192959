"""The outcome of a connection in one line."""

from __future__ import annotations

from testbed.trace.model.connection import Handshake, Transport
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.services.table import service_of

_FAILED_HANDSHAKES = {
    Handshake.REFUSED: "connection refused",
    Handshake.UNANSWERED: "no answer to SYN",
    Handshake.UNREACHABLE: "unreachable (ICMP)",
    Handshake.INCOMPLETE: "handshake never completed",
}
_LONE_RST = {"^", "R"}  # in Zeek's history; the first is what it has of a flow that begins with its server


def outcome(
    service: str, transport: Transport, exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...]
) -> str:
    """What somebody wants to know first."""
    if transport.opening.cut_off:
        return "the capture ends in the handshake"
    if transport.opening.handshake in _FAILED_HANDSHAKES:
        return _FAILED_HANDSHAKES[transport.opening.handshake]
    if {"^", *transport.history.upper()} == _LONE_RST:
        return "only its RST is in the capture"  # it may have refused a SYN
    return service_of(service).outcome(exchanges, transactions, transport.ending) or str(transport.ending)
