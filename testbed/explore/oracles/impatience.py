"""A client waits ten minutes for the reply to the final dot: who leaves sooner sends twice (RFC 5321 §4.5.3.2.6)."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.durations import MINUTE, SECOND, format_duration
from testbed.expect.observed import programs
from testbed.explore.ran import Breach
from testbed.protocols import events
from testbed.protocols.header import named
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Transaction
from testbed.trace.model.log import of
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

WHAT = "no mail is sent again by who did not wait for its 250 (RFC 5321 §4.5.3.2.6)"
_PATIENCE_NS = 10 * MINUTE
_COARSE_NS = SECOND  # the timers of programs
_ENDS = {"FIN", "RST"}


def impatience(scenario: Scenario, analysis: Analysis) -> Iterator[Breach]:
    """A program closed the connection when a server had its whole message and was silent, and sent it once more.

    Who was told anything, closed or reset by the server, or who crashed, is passed over.
    """
    hosts = programs(analysis)
    left: dict[tuple[str, str, str], tuple[Connection, Transaction, int]] = {}
    for connection in analysis.connections:
        client = connection.client.label
        if client not in hosts or service_of(connection.service).mail is not Mail.PUSHED:
            continue
        for transaction in connection.transactions:
            for recipient in transaction.recipients:
                key = client, transaction.message_id, recipient.address.lower()
                if transaction.whole and key in left and transaction.message_id:
                    before, first, waited_ns = left.pop(key)
                    why = f"{client} waited {format_duration(waited_ns)} for the reply of {before.server.label} to "
                    why += f"{named(transaction.message_id)} for {recipient.address}, and sent it again"
                    yield Breach(WHAT, why, (*first.frames[-1:], *transaction.frames[-1:]))
                elif waited := _waited_ns(analysis, connection, transaction):
                    left[key] = connection, transaction, waited


def _waited_ns(analysis: Analysis, connection: Connection, transaction: Transaction) -> int:
    """How long a client waited that left too soon; 0 for every other."""
    message = transaction.message
    if message is None or message.command is None or not transaction.whole:
        return 0
    since, sent_ns, acknowledged = message.command.frames[-1], 0, False
    for packet in analysis.packets(connection.number):
        if packet.frame == since:
            sent_ns = packet.time_ns
        by_server = packet.source != str(connection.client)
        ends = bool(_ENDS & set(packet.flags.split("-")))
        if by_server and (ends or (packet.payload and packet.frame > since)):
            return 0
        if packet.frame <= since:
            continue
        acknowledged |= by_server
        if ends:
            waited_ns = packet.time_ns - sent_ns
            left = acknowledged and SECOND < waited_ns < _PATIENCE_NS - _COARSE_NS
            return waited_ns if left and not _crashed(analysis, connection, packet.time_ns) else 0
    return 0


def _crashed(analysis: Analysis, connection: Connection, ended_ns: int) -> bool:
    """Whether the client of a connection has crashed by the time it ended."""
    died = (one.time_ns for one in of(analysis.log, events.Crashed) if one.host == connection.client.label)
    return any(connection.start_ns <= died_ns <= ended_ns + SECOND for died_ns in died)
