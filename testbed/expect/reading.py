"""The expectation about reading: what was fetched."""

from __future__ import annotations

from testbed.expect.sealed import sealed, unless_sealed
from testbed.expect.verdict import Verdict
from testbed.plural import count
from testbed.scenario.expectations import Fetched
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of, service_within


def judge_fetched(expected: Fetched, analysis: Analysis) -> Verdict:
    """So many messages went from the server to the user agent."""
    number = "messages" if expected.messages is None else count(expected.messages, "message")
    via = f" by {expected.via.upper()}" if expected.via else ""
    what = f"{expected.by} fetched {number} from {expected.sender}{via}"
    fetched: list[int] = []
    tried: list[int] = []
    pulled = 0
    for connection in analysis.connections:
        if (connection.client.name, connection.server.name) != (expected.by, expected.sender):
            continue
        service = service_of(connection.service)
        if service.mail is not Mail.PULLED or expected.via not in (None, connection.service):
            continue
        tried.append(connection.first_frame)
        for exchange in connection.exchanges:
            found = service.pulled(exchange)
            pulled += found
            fetched += exchange.frames if found else ()
    held = pulled == expected.messages if expected.messages is not None else pulled > 0
    why = f"{count(pulled, 'message')} fetched" if tried else f"{expected.by} never asked {expected.sender}"
    verdict = Verdict(what, held, why, tuple(fetched or tried), expected.line)
    enough = pulled > expected.messages if expected.messages is not None else held
    hidden = [c for c in sealed(analysis, [expected.sender]) if c.client.name == expected.by and _may_be(expected, c)]
    return verdict if enough else unless_sealed(verdict, hidden)


def _may_be(expected: Fetched, connection: Connection) -> bool:
    names = service_within(connection.service).names
    return connection.server.name == expected.sender and (expected.via is None or expected.via in names)
