"""Mail that TLS hides and that ended badly, in one sentence for all of a capture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.plural import count
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.table import service_within

_MOST_NAMED = 20


def sealed_dialogues(connections: Iterable[Connection]) -> Iterator[Finding]:
    """From where on nobody can say why connections did not end in order, and what would help."""
    frames, numbers, ends = list[int](), list[int](), ""
    for connection in connections:
        tls = connection.tls
        if tls is None or not tls.sealed or connection.ending.closure is Closure.NORMAL:
            continue
        if service_within(connection.service).mail is None:
            continue
        ends = ends or f"{connection.client.label} and {connection.server.label}"
        numbers.append(connection.number)
        if len(frames) < _MOST_NAMED:
            frames.append(tls.hello_frame)
    if not numbers:
        return
    more = f", and so are {count(len(numbers) - 1, 'more connection')}" if len(numbers) > 1 else ""
    text = f"what {ends} said is encrypted from frame {frames[0]} on{more}; to see why it did not end in order, give a "
    text += "key log (--keylog)"
    yield Finding("encrypted", Severity.INFO, text, tuple(frames), "", tuple(numbers[:_MOST_NAMED]))
