"""RFC 5321 §3.3, RFC 2920 §3.1: a client whose recipients were all refused sends no message, or an empty one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import deeds
from testbed.expect.verdict import Verdict
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_WHAT = "no message is sent to recipients who were all refused (RFC 5321 §3.3)"
_DOT = len(b".\r\n")


def mail_for_nobody(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A program sent a message although it had heard that none of its recipients is taken."""
    ran = deeds(analysis)
    for connection in analysis.connections:
        if not any(deed.did(connection) for deed in ran):
            continue
        for transaction in connection.transactions:
            command = transaction.message.command if transaction.message is not None else None
            refusals = [r.reply for r in transaction.recipients if r.refused and r.reply is not None]
            if command is None or command.octets <= _DOT or not refusals or len(refusals) < len(transaction.recipients):
                continue
            if all(reply.time_ns < command.time_ns for reply in refusals):
                why = f"{connection.client.label} sent {connection.server.label} a message after it had heard"
                frames = (*(frame for reply in refusals for frame in reply.frames[-1:]), *command.frames[:1])
                yield Verdict(_WHAT, False, f"{why} {refusals[-1].status} for every recipient", frames)
