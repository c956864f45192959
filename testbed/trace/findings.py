"""Findings: sentences of diagnosis with their evidence.

A finder looks at one connection, or at all of a capture, and yields findings.  It sees what any capture shows:
packets and dialogue, never a host's log or the list of faults.  A finder is one function in a file beside this one,
and one row of a table below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding
from testbed.trace.services.dns.findings import failed_lookups, odd_answers, odd_records
from testbed.trace.services.dns.mail_routes import mail_routes
from testbed.trace.services.http.findings import refused_requests, web_remarks
from testbed.trace.services.reading.findings import cut_reading, refused_readers, undone_deletions
from testbed.trace.services.reading.moves import interrupted_moves
from testbed.trace.services.smtp.account import account_of_messages, duplicates
from testbed.trace.services.smtp.broken import cut_dialogue, slow_replies, stalled_client
from testbed.trace.services.smtp.extensions import lone_dots
from testbed.trace.services.smtp.loops import mail_loops
from testbed.trace.services.smtp.refusals import refused_recipients, refused_sessions
from testbed.trace.services.smtp.starttls import fallbacks, gave_up_without_tls, lost_starttls, unfinished_handshake
from testbed.trace.services.violations import violations
from testbed.trace.tcp.findings import failed_handshake, lost_segments, lost_syn, resets
from testbed.trace.tcp.on_the_way import on_the_way
from testbed.trace.tls.findings import old_tls, plain_after_starttls, plain_answer, tls_alerts

_REMARKS: dict[str, Callable[[Connection], Iterator[Finding]]] = {
    "http": web_remarks,
    "dns": odd_answers,
    "mdns": lambda connection: iter(()),
}


def _remarks(connection: Connection) -> Iterator[Finding]:
    yield from _REMARKS.get(connection.service, violations)(connection)


_OF_CONNECTION: tuple[Callable[[Connection], Iterator[Finding]], ...] = (
    failed_handshake,
    lost_syn,
    lost_segments,
    on_the_way,
    resets,
    refused_sessions,
    refused_recipients,
    lone_dots,
    cut_dialogue,
    stalled_client,
    slow_replies,
    refused_readers,
    undone_deletions,
    cut_reading,
    failed_lookups,
    odd_records,
    tls_alerts,
    old_tls,
    plain_answer,
    plain_after_starttls,
    unfinished_handshake,
    gave_up_without_tls,
    refused_requests,
    _remarks,
)
_OF_CAPTURE: tuple[Callable[[Sequence[Connection]], Iterator[Finding]], ...] = (
    account_of_messages,
    duplicates,
    interrupted_moves,
    mail_routes,
    mail_loops,
    lost_starttls,
    fallbacks,
)


def find_in_connection(connection: Connection) -> tuple[Finding, ...]:
    """What there is to say about one connection."""
    return tuple(finding for finder in _OF_CONNECTION for finding in finder(connection))


def find_in_capture(connections: Sequence[Connection]) -> tuple[Finding, ...]:
    """What there is to say about all of them together."""
    return tuple(finding for finder in _OF_CAPTURE for finding in finder(connections))
