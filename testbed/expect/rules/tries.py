"""Tries: each time a client offered a recipient to a server, whether a message followed or not."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.trace.analysis import Analysis


@dataclass(frozen=True, slots=True)
class Offer:
    """Who offers mail of whom to whom; addresses are in lower case."""

    client: str
    sender: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Try:
    """One of them, and the status of the reply that decided on it; ``""`` where there was none."""

    server: str
    status: str
    frames: tuple[int, ...]


def tries(analysis: Analysis) -> dict[Offer, list[Try]]:
    """All there are, in order of time."""
    found: dict[Offer, list[Try]] = {}
    for connection in analysis.connections:
        for transaction in connection.transactions:
            for recipient in transaction.recipients:
                reply = recipient.decisive
                offer = Offer(connection.client.label, transaction.sender.lower(), recipient.address.lower())
                frames = reply.frames[-1:] if reply is not None else transaction.frames[-1:]
                one = Try(connection.server.label, reply.status if reply is not None else "", frames)
                found.setdefault(offer, []).append(one)
    return found
