"""What must hold in the scenario, as the capture shows it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from testbed.protocols.address import domain_of
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.parties import Cast, Party
from testbed.reproduce.reading import Session
from testbed.reproduce.visits import Visit
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import UNSEEN

_STAGES = frozenset(
    ("connect", "HELO", "EHLO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "message", "QUIT", "RSET", "NOOP")
)


def expected(draft: Draft, cast: Cast, visits: Sequence[Visit]) -> Iterator[Part]:
    """Refusals, attempts and deliveries."""
    found = [*_attempts(visits), *_refusals(visits), *_deliveries(draft, cast, visits)]
    yield from found or _opened([(visit.connection, visit.client, visit.server) for visit in visits])


def opened(read: Sequence[Session]) -> Iterator[Part]:
    """That somebody came to read, where nothing else is expected."""
    yield from _opened([(session.connection, session.client, session.server) for session in read])


def _attempts(visits: Sequence[Visit]) -> Iterator[Part]:
    tried: dict[tuple[str, str, int], list[Visit]] = defaultdict(list)
    for visit in visits:
        tried[visit.client.name, visit.server.name, visit.connection.server.port].append(visit)
    for (client, server, port), tries in tried.items():
        if len(tries) > 1:
            data: Data = {"from": client, "to": server, "count": len(tries)}
            if port != 25:
                data["port"] = port
            yield Part({"attempts": data}, tuple(frame for visit in tries for frame in visit.frames))


def _refusals(visits: Sequence[Visit]) -> Iterator[Part]:
    counts: Counter[tuple[str, str, str]] = Counter()
    frames: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for visit in visits:
        for exchange in visit.exchanges:
            command = exchange.command
            if command is None or command.verb not in _STAGES:
                continue
            for reply in exchange.replies:
                if reply.whole and reply.code[:1] in ("4", "5") and reply.code.isdigit():
                    key = visit.server.name, command.verb, reply.status
                    counts[key] += 1
                    frames[key] += reply.frames[:1]
    for key, count in counts.items():
        server, verb, status = key
        data: Data = {"from": server, "on": verb, "code": status, "count": count}
        yield Part({"reply": data}, tuple(frames[key]))


def _elsewhere(draft: Draft, server: str) -> set[str]:
    """Whose mail a relay passes on, by local parts."""
    host = draft.hosts.get(server, {})
    named = [host.get(key) for key in ("forward", "lists")]
    return {name for names in named if isinstance(names, dict) for name in names}


def _deliveries(draft: Draft, cast: Cast, visits: Sequence[Visit]) -> Iterator[Part]:
    """Mail that a server took for its own users: each message, or so many where others were refused."""
    copies: dict[str, Counter[str]] = defaultdict(Counter)
    frames: dict[str, list[int]] = defaultdict(list)
    doubtful: set[str] = set()
    read = {party.address for party in cast.parties.values() if party.role == "user-agent"}
    for visit in visits:
        for transaction in visit.connection.transactions:
            for to in transaction.recipients:
                if not to.address or to.address == UNSEEN:
                    continue
                address = cast.names.address(to.address)
                if domain_of(address) != visit.server.domain or not transaction.sender:
                    continue
                if address.rpartition("@")[0] in _elsewhere(draft, visit.server.name):
                    continue
                message = transaction.message_id or f"?{transaction.sender} {transaction.subject}"
                copies[address][message] += to.accepted
                if to.accepted:
                    frames[address] += transaction.frames[-1:]
                elif to.in_doubt:
                    doubtful.add(address)
    for address, messages in copies.items():
        counts = {count for message, count in messages.items() if message[:1] != "?" or count}
        if address in doubtful or not any(counts):
            continue
        data: Data = {"delivered": {"to": address}}
        if len(counts) == 1 and counts != {1}:
            data = {"delivered": {"to": address, "copies": counts.pop()}}
        elif len(counts) > 1:
            if address in read:
                continue
            data = {"mailbox": {"of": address, "messages": sum(messages.values())}}
        yield Part(data, tuple(frames[address]))


def _opened(found: Sequence[tuple[Connection, Party, Party]]) -> Iterator[Part]:
    for connection, client, server in found[:1]:
        handshake = connection.opening.handshake
        known = handshake is not Handshake.UNSEEN
        data: Data = {"from": client.name, "to": server.name}
        if connection.server.port != 25:
            data["port"] = connection.server.port
        if known:
            data["handshake"] = str(handshake)
        else:
            data["closure"] = "normal"
        yield Part({"connection": data}, (connection.first_frame,))
