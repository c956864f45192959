"""The outcome of a connection in one line."""

from __future__ import annotations

from testbed.trace.model.connection import Closure, Ending, Handshake, Transport
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.services.dns.outcome import outcome_of_questions
from testbed.trace.services.http.outcome import outcome_of_requests
from testbed.trace.services.reading.outcome import outcome_of_reading
from testbed.trace.services.smtp.outcome import outcome_of_transaction, outcome_without_mail

_FAILED_HANDSHAKES = {
    Handshake.REFUSED: "connection refused",
    Handshake.UNANSWERED: "no answer to SYN",
    Handshake.UNREACHABLE: "unreachable (ICMP)",
    Handshake.INCOMPLETE: "handshake never completed",
}


def outcome(
    service: str, transport: Transport, exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...]
) -> str:
    """What somebody wants to know first."""
    ending = transport.ending
    if transport.opening.handshake in _FAILED_HANDSHAKES:
        return _FAILED_HANDSHAKES[transport.opening.handshake]
    if service in ("dns", "mdns", "llmnr"):
        return outcome_of_questions(exchanges)
    if service in ("pop3", "imap"):
        return outcome_of_reading(exchanges) or _plain(ending)
    if service == "http2":
        return "HTTP/2, which is not followed"
    if service == "http":
        return outcome_of_requests(exchanges, _plain(ending) if ending.closure is Closure.RESET else "")
    parts = [outcome_of_transaction(transaction) for transaction in transactions]
    if not parts:
        parts = [outcome_without_mail(exchanges)]
    if ending.closure is Closure.RESET:
        parts.append(_plain(ending))
    elif ending.closure is Closure.OPEN and exchanges:
        parts.append("never closed")
    return "; ".join(dict.fromkeys(part for part in parts if part)) or _plain(ending)


def _plain(ending: Ending) -> str:
    return {
        Closure.NORMAL: "closed normally",
        Closure.HALF: f"half closed by {ending.by}",
        Closure.RESET: f"reset by {ending.by}",
        Closure.OPEN: "open",
    }[ending.closure]
