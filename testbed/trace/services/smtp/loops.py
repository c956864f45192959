"""Mail that goes in circles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding, Severity

_FEWEST = 3  # times one server takes a message before it is a loop; a reply that was lost makes two
_MAX_FRAMES = 20


def mail_loops(connections: Iterable[Connection]) -> Iterator[Finding]:
    """A message that the same server has taken from the same client for the same recipient again and again."""
    passed: dict[tuple[str, str], dict[tuple[str, str, str], list[tuple[int, int]]]] = {}
    for connection in connections:
        for transaction in connection.transactions:
            if not transaction.message_id or transaction.message is None:
                continue
            for recipient in transaction.recipients:
                if recipient.accepted:
                    way = (connection.client.label, connection.server.label, recipient.address)
                    ways = passed.setdefault((transaction.message_id, transaction.sender), defaultdict(list))
                    ways[way].append((transaction.message.frames[-1], connection.number))
    for (message_id, _), ways in passed.items():
        rounds = [taken for taken in ways.values() if len(taken) >= _FEWEST]
        if not rounds:
            continue
        servers = " and ".join(dict.fromkeys(server for (_, server, _), taken in ways.items() if len(taken) >= _FEWEST))
        most = max(map(len, rounds))
        text = f"{message_id} went in circles: {servers} took it {most} times from the same host for the same recipient"
        seen = sorted(one for taken in rounds for one in taken)[:_MAX_FRAMES]
        frames, numbers = tuple(frame for frame, _ in seen), tuple(number for _, number in seen)
        yield Finding("mail-loop", Severity.ERROR, text, frames, "RFC 5321 §6.3", numbers)
