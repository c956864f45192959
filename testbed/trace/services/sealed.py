"""Mail that TLS hides and that ended badly, in one sentence for all of a capture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.plural import count
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.table import service_within

_MOST_NAMED = 20
_SILENCE_NS = 1_000_000_000  # so long behind its last packet, the capture shows that nothing more came


def sealed_dialogues(connections: Iterable[Connection]) -> Iterator[Finding]:
    """From where on nobody can say why connections did not end in order, and what would help."""
    found: list[Connection] = []
    capture_ends = 0
    for connection in connections:
        capture_ends = max(capture_ends, connection.end_ns)
        tls = connection.tls
        if tls is None or not tls.sealed or connection.ending.closure is Closure.NORMAL:
            continue
        if service_within(connection.service).mail is not None:
            found.append(connection)
    # Another may have ended in order, when the capture had ended.
    ended = [c for c in found if c.ending.closure is Closure.RESET or capture_ends - c.end_ns >= _SILENCE_NS]
    if not ended:
        return
    first, numbers = ended[0], [connection.number for connection in ended]
    frames = [c.tls.sealed_from for c in ended[:_MOST_NAMED] if c.tls is not None]
    more = f", and so are {count(len(numbers) - 1, 'more connection')}" if len(numbers) > 1 else ""
    ends = f"{first.client.label} and {first.server.label}"
    how = "it did not end in order" if first.ending.frames else "the capture does not hold its end"
    text = f"the dialogue of {ends} is encrypted from frame {frames[0]} on{more}; "
    text += f"to see why {how}, give a key log (--keylog)"
    yield Finding("encrypted", Severity.INFO, text, tuple(frames), "", tuple(numbers[:_MOST_NAMED]))
