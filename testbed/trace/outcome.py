"""The outcome of a connection in one line."""

from __future__ import annotations

from testbed.trace.model.connection import Closure, Handshake
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
    if service in ("dns", "mdns", "llmnr"):
        return outcome_of_questions(exchanges)
    if service in ("pop3", "imap"):
        return outcome_of_reading(exchanges) or _plain(closure, closed_by)
    if service == "http2":
        return "HTTP/2, which is not followed"
    if service == "http":
        return outcome_of_requests(exchanges, f"reset by {closed_by}" if closure is Closure.RESET else "")
    parts = [outcome_of_transaction(transaction) for transaction in transactions]
    if not parts:
        parts = [outcome_without_mail(exchanges)]
    if closure is Closure.RESET:
        parts.append(f"reset by {closed_by}")
    elif closure is Closure.OPEN and exchanges:
        parts.append("never closed")
    return "; ".join(dict.fromkeys(part for part in parts if part)) or _plain(closure, closed_by)


def _plain(closure: Closure, closed_by: str) -> str:
    if closure is Closure.RESET:
        return f"reset by {closed_by}"
    return {Closure.NORMAL: "closed normally", Closure.HALF: f"half closed by {closed_by}"}.get(closure, "open")
