"""What packets show of hosts that are programs of the user's, whose own account of things nobody has.

A program that has answered 250 owes the mail until its packets show that the next hop took it, or that its sender was
told.  What it delivers into mailboxes of its host the lab logs (:mod:`testbed.lab.program_maildirs`); the rest only it
knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from msgspec.structs import replace

from testbed.expect.deeds import StagedReplies
from testbed.expect.read_back import known
from testbed.protocols import events
from testbed.protocols.events import LogEvent
from testbed.protocols.report import read_report
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Recipient, Transaction
from testbed.trace.model.log import LogEntry, of

Seen = TypeVar("Seen", bound=LogEvent)


def programs(analysis: Analysis) -> frozenset[str]:
    """The hosts that are programs."""
    return frozenset(entry.host for entry in of(analysis.log, events.Started))


def told_by_programs(analysis: Analysis) -> list[LogEntry[events.Bounced | events.Notified]]:
    """Who was told of what in notifications that programs handed to other hosts, as their logs would say it."""
    hosts = programs(analysis)
    handed = {c.number: c for c in analysis.connections if c.client.label in hosts and c.transactions}
    given = {(c.server.label, t.message_id) for c in analysis.connections for t in c.transactions}
    told: list[LogEntry[events.Bounced | events.Notified]] = []
    of_these = replace(analysis, chosen=tuple(handed))
    for mail in mail_objects(of_these, analysis.understanding.decrypted.flows):
        if mail.direction != "to server" or not mail.complete:
            continue
        connection = handed[mail.connection]
        senders = [r.address for t in connection.transactions if t.message_id == mail.message_id for r in t.recipients]
        report = read_report(mail.octets)
        unsigned = not report.reporting and (connection.client.label, mail.message_id) not in given
        own = report.reporting == connection.client.label or unsigned
        for fate in report.fates if own and senders else ():
            event = (events.Bounced if fate.action == "failed" else events.Notified)(
                message_id=report.original_id,
                recipient=fate.recipient or fate.original,
                status=fate.status,
                action=fate.action,
                dsn_id=mail.message_id,
                sender=senders[0],
            )
            told.append(LogEntry(mail.frames[-1], connection.end_ns, connection.client.label, event, ""))
    return told


def accepted_by_programs(analysis: Analysis) -> list[LogEntry[events.Accepted]]:
    """The messages programs answered 250 for, as their logs would say it."""
    return [
        _entry(
            connection,
            transaction,
            events.Accepted(
                message_id=transaction.message_id,
                sender=transaction.sender,
                recipients=tuple(recipient.address for recipient in recipients),
            ),
        )
        for connection, transaction, recipients in _taken(analysis, programs(analysis))
    ]


def taken_by_programs(analysis: Analysis) -> list[LogEntry[events.Stored]]:
    """Mail a program answered 250 for, where that is all there is to know: nobody looks into the mailbox."""
    last_words = {entry.host: entry.event.takes for entry in of(analysis.log, events.Started)}
    stored = list(of(analysis.log, events.Stored))
    seen = {entry.host for entry in stored if not isinstance(entry.event, events.Found)}
    read = known(analysis)
    found = {(entry.host, entry.event.message_id, entry.event.recipient.lower()) for entry in stored}
    return [
        _entry(
            connection,
            transaction,
            events.Stored(
                message_id=transaction.message_id,
                recipient=recipient.address,
                sender=transaction.sender,
                subject=transaction.subject,
            ),
        )
        for connection, transaction, recipients in _taken(analysis, frozenset(last_words))
        for recipient in recipients
        if recipient.address.lower() in last_words[connection.server.label]
        and connection.server.label not in seen
        and (connection.server.label, recipient.address.lower()) not in read
        and (connection.server.label, transaction.message_id, recipient.address.lower()) not in found
    ]


def _taken(
    analysis: Analysis, hosts: frozenset[str]
) -> Iterator[tuple[Connection, Transaction, tuple[Recipient, ...]]]:
    """The transactions that one of these hosts has answered 250 for, with the recipients it took."""
    staged = StagedReplies(analysis)
    for connection in analysis.connections if hosts else ():
        if connection.server.label in hosts:
            for transaction in connection.transactions:
                recipients = tuple(r for r in transaction.recipients if r.accepted and r.decisive not in staged)
                if recipients and transaction.message is not None:
                    yield connection, transaction, recipients


def _entry(connection: Connection, transaction: Transaction, event: Seen) -> LogEntry[Seen]:
    message = transaction.message
    assert message is not None
    reply = message.reply
    time_ns = reply.time_ns if reply is not None else connection.end_ns
    return LogEntry(message.frames[-1], time_ns, connection.server.label, event, "")


_SEEN: dict[type[LogEvent], Callable[[Analysis], Sequence[LogEntry[LogEvent]]]] = {
    events.Accepted: accepted_by_programs,
    events.Bounced: told_by_programs,
    events.Notified: told_by_programs,
    events.Stored: taken_by_programs,
}


def entries(analysis: Analysis, kind: type[Seen], host: str | None = None) -> list[LogEntry[Seen]]:
    """What hosts have logged of one kind of event, and packets show of programs; of one host where given."""
    ways = dict.fromkeys(see for shown, see in _SEEN.items() if issubclass(shown, kind))
    seen = [entry for see in ways for entry in see(analysis)]
    return [entry for entry in of((*analysis.log, *seen), kind) if host in (None, entry.host)]


def owed(analysis: Analysis, host: str) -> list[tuple[str, str, int]]:
    """What a program has taken and, as its packets show, neither handed on nor given back nor put into a mailbox.

    Message-ID, recipient and the frame of its 250.
    """
    taken: dict[tuple[str, str], int] = {}
    handed: set[tuple[str, str]] = set()
    staged = StagedReplies(analysis)
    for connection in analysis.connections:
        for transaction in connection.transactions:
            for recipient in transaction.recipients:
                if not recipient.accepted or transaction.message is None:
                    continue
                key = (transaction.message_id, recipient.address.lower())
                if connection.server.label == host and recipient.decisive not in staged:
                    taken.setdefault(key, transaction.message.frames[-1])
                if connection.client.label == host:
                    handed.add(key)
    done = (*entries(analysis, events.Bounced, host), *entries(analysis, events.Stored, host))
    settled = {(entry.event.message_id, entry.event.recipient.lower()) for entry in done}
    return [(*key, frame) for key, frame in taken.items() if key not in handed | settled]
