"""Tries: each time a client offered a recipient to a server, whether a message followed or not."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from testbed.expect.conservation.hearing import Hearing
from testbed.expect.conservation.passages import Passage
from testbed.trace.analysis import Analysis


class Offer(Struct, frozen=True):
    """Who offers mail of whom to whom; addresses are in lower case."""

    client: str
    sender: str
    recipient: str


class Try(Struct, frozen=True):
    """One of them, and the status of the reply that decided on it.

    That is ``""`` where none reached a client that could note it.  ``address`` is that of the server.  ``began_ns`` is
    when the client connected, ``ended_ns`` when the reply came.  ``beside`` tells that the server took the message for
    others of the same transaction.
    """

    server: str
    address: str
    status: str
    began_ns: int
    ended_ns: int
    beside: bool
    frames: tuple[int, ...]


def tries(analysis: Analysis, carried: Sequence[Passage]) -> dict[Offer, list[Try]]:
    """Those since a host took mail for such an offer, in order of time.

    Before that it may have asked whether the address is good, and have answered by what it heard.
    """
    since: dict[Offer, int] = {}
    for passage in carried:
        if passage.promised:
            offer = Offer(passage.server, passage.sender, passage.recipient)
            since[offer] = min(passage.ended_ns, since.get(offer, passage.ended_ns))
    found = _all(analysis)
    return {offer: [one for one in found.get(offer, ()) if one.ended_ns >= time_ns] for offer, time_ns in since.items()}


def _all(analysis: Analysis) -> dict[Offer, list[Try]]:
    found: dict[Offer, list[Try]] = {}
    for connection in (one for one in analysis.connections if one.transactions):
        hearing = Hearing(analysis, connection)
        for transaction in connection.transactions:
            taken = sum(recipient.accepted for recipient in transaction.recipients)
            for recipient in transaction.recipients:
                reply = recipient.decisive
                heard = reply is not None and hearing.heard(reply)
                offer = Offer(connection.client.label, transaction.sender.lower(), recipient.address.lower())
                frames = reply.frames[-1:] if reply is not None else transaction.frames[-1:]
                one = Try(
                    server=connection.server.label,
                    address=connection.server.address,
                    status=reply.status if reply is not None and heard else "",
                    began_ns=connection.start_ns,
                    ended_ns=reply.time_ns if reply is not None else connection.end_ns,
                    beside=taken > recipient.accepted,
                    frames=frames,
                )
                found.setdefault(offer, []).append(one)
    return found
