"""RFC 5321 §3.3, RFC 2920 §3.1: a client whose recipients were all refused sends no message, or an empty one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import deeds
from testbed.expect.rules.settings import meddled_with
from testbed.expect.verdict import Verdict
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Command

_WHAT = "no message is sent to recipients who were all refused (RFC 5321 §3.3)"
_DOT = len(b".\r\n")


def mail_for_nobody(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A program that plays a host sent a message although it had heard that none of its recipients is taken."""
    ran = [deed for deed in deeds(analysis) if deed.plays and not meddled_with(scenario, deed.host)]
    for connection in analysis.connections:
        if not any(deed.did(connection) for deed in ran):
            continue
        for transaction in connection.transactions:
            command = transaction.message.command if transaction.message is not None else None
            refusals = [r.reply for r in transaction.recipients if r.refused and r.reply is not None]
            if command is None or command.octets <= _DOT or not refusals or len(refusals) < len(transaction.recipients):
                continue
            if all(reply.time_ns < _asked_ns(connection, command) for reply in refusals):
                why = f"{connection.client.label} sent {connection.server.label} a message after it had heard"
                frames = (*(frame for reply in refusals for frame in reply.frames[-1:]), *command.frames[:1])
                yield Verdict(_WHAT, False, f"{why} {refusals[-1].status} for every recipient", frames)


def _asked_ns(connection: Connection, message: Command) -> int:
    """When the client asked to send a message: with DATA, which it may have said before it heard the replies."""
    asked = [e.command.time_ns for e in connection.exchanges if e.command is not None and e.command.verb == "DATA"]
    return max((time_ns for time_ns in asked if time_ns <= message.time_ns), default=0)
