"""What must hold in the scenario, as the capture shows it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from testbed.protocols.address import domain_of
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.parties import Cast
from testbed.reproduce.visits import Visit
from testbed.trace.model.connection import Handshake
from testbed.trace.model.exchange import UNSEEN

_STAGES = frozenset(
    ("connect", "HELO", "EHLO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "message", "QUIT", "RSET", "NOOP")
)


def expected(draft: Draft, cast: Cast, visits: Sequence[Visit]) -> Iterator[Part]:
    """Refusals, attempts and deliveries."""
    found = [*_attempts(visits), *_refusals(visits), *_deliveries(draft, cast, visits)]
    yield from found or _connections(visits)


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
        data: Data = {"from": server, "to": verb, "code": status, "count": count}
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


def _connections(visits: Sequence[Visit]) -> Iterator[Part]:
    for visit in visits[:1]:
        handshake = visit.connection.opening.handshake
        if handshake is not Handshake.UNSEEN:
            data = {"from": visit.client.name, "to": visit.server.name, "handshake": str(handshake)}
            if visit.connection.server.port != 25:
                data["port"] = visit.connection.server.port  # type: ignore[assignment]
            yield Part({"connection": data}, visit.frames)
