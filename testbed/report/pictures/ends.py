"""What became of mail for each recipient in the end.

A lab's own account says whether it lies in a mailbox.  Of any other capture the packets say who took it last, or who
read it; what is not in the capture stays unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from testbed.expect import fates
from testbed.protocols import events
from testbed.report.pictures.arrows import mood_of
from testbed.report.pictures.carrying import MOST_CONNECTIONS
from testbed.report.pictures.values import End, Mood
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import UNSEEN, Recipient, Transaction
from testbed.trace.model.log import of
from testbed.trace.services.smtp.outcome import fate_of
from testbed.trace.services.table import service_of

_MOODS = {
    fates.End.DELIVERED: Mood.OK,
    fates.End.BOUNCED: Mood.FAILED,
    fates.End.REFUSED: Mood.FAILED,
    fates.End.NOT_TAKEN: Mood.LOST,
    fates.End.QUEUED: Mood.TEMPORARY,
    fates.End.PASSED_ON: Mood.QUIET,
    fates.End.LOST: Mood.LOST,
    fates.End.UNKNOWN: Mood.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class _Try:
    """One attempt to hand a message over for a recipient."""

    connection: Connection
    transaction: Transaction
    recipient: Recipient


@dataclass(slots=True)
class _Mail:
    """All that is seen of one message for one recipient."""

    tries: list[_Try] = field(default_factory=list)


def ends(analysis: Analysis) -> Iterator[End]:
    """The fate of each message for each recipient, in the order in which they were first offered."""
    connections = [connection for connection, _ in zip(analysis.connections, range(MOST_CONNECTIONS), strict=False)]
    if analysis.lab is not None and analysis.chosen is None and len(connections) == len(analysis.connections):
        yield from _by_log(analysis, connections)
    else:
        yield from _by_packets(connections)


def _by_log(analysis: Analysis, connections: Sequence[Connection]) -> Iterator[End]:
    subjects = {t.message_id: t.subject for connection in connections for t in connection.transactions}
    told, times = fates.fates(analysis), {entry.frame: entry.time_ns for entry in analysis.log}
    for fate in told:
        words = "still waits in the queue" if fate.end is fates.End.QUEUED else fate.words
        when = max((times.get(frame, 0) for frame in fate.frames), default=0)
        yield End(fate.recipient, subjects.get(fate.message_id, ""), words, _MOODS[fate.end], fate.frames, when)
    known = {(fate.message_id, fate.recipient) for fate in told}
    for message_id, recipient in dict.fromkeys(_sent_on(analysis)):
        if (message_id, recipient) not in known:
            yield _sent_on_to(analysis, message_id, recipient, subjects.get(message_id, ""))


def _sent_on(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """To whom a forward or a list has sent mail on."""
    for forwarded in of(analysis.log, events.Forwarded):
        yield forwarded.event.message_id, forwarded.event.target.lower()
    for expanded in of(analysis.log, events.Expanded):
        yield from ((expanded.event.message_id, member.lower()) for member in expanded.event.members)


def _sent_on_to(analysis: Analysis, message_id: str, recipient: str, subject: str) -> End:
    words, mood = "unknown", Mood.UNKNOWN
    for entry in of(analysis.log, events.Stored, events.Bounced, events.HoldsQueue):
        if (entry.event.message_id, entry.event.recipient.lower()) != (message_id, recipient):
            continue
        if isinstance(entry.event, events.Bounced):
            words, mood = f"bounced {entry.event.status}", Mood.FAILED
        elif isinstance(entry.event, events.Stored):
            words, mood = "delivered", Mood.OK
        elif mood is Mood.UNKNOWN:
            words, mood = "still waits in the queue", Mood.TEMPORARY
    return End(recipient, subject, words, mood)


def _by_packets(connections: Sequence[Connection]) -> Iterator[End]:
    found: dict[tuple[str, str], _Mail] = defaultdict(_Mail)
    for connection in connections:
        for transaction in connection.transactions:
            for recipient in transaction.recipients:
                if recipient.address and recipient.address != UNSEEN:
                    mail = found[recipient.address.lower(), transaction.message_id]
                    mail.tries.append(_Try(connection, transaction, recipient))
    _join_unsent(found)
    read = dict(_read(connections))
    for (address, message_id), mail in found.items():
        last = mail.tries[-1]
        subject = next((one.transaction.subject for one in reversed(mail.tries) if one.transaction.subject), "")
        if message_id and message_id in read and last.recipient.accepted:
            words, frame = read[message_id]
            yield End(address, subject, words, Mood.OK, (frame,))
        else:
            yield End(address, subject, _words(last), mood_of(last.recipient), last.transaction.frames[-1:])


def _join_unsent(found: dict[tuple[str, str], _Mail]) -> None:
    """Tries that ended before a message was sent are of the only message that recipient had, where there is one."""
    for recipient, message_id in list(found):
        others = [key for key in found if key[0] == recipient and key[1]]
        if not message_id and len(others) == 1:
            mail = found[others[0]]
            mail.tries = sorted(mail.tries + found.pop((recipient, "")).tries, key=lambda one: one.connection.start_ns)


def _read(connections: Sequence[Connection]) -> Iterator[tuple[str, tuple[str, int]]]:
    """Messages that readers fetched whole: by Message-ID who, and in which frame."""
    for connection in connections:
        for exchange in connection.exchanges:
            for mail in exchange.result.carried if exchange.result is not None else ():
                if mail.letter.message_id and mail.whole and not mail.pushed:
                    by = service_of(connection.service).word or connection.service.upper()
                    words = f"taken by {connection.server.label}, and read by {connection.client.label} by {by}"
                    yield mail.letter.message_id, (words, mail.frames[-1] if mail.frames else connection.first_frame)


def _words(last: _Try) -> str:
    """By whom it was taken or refused in the end; what comes behind is not in the capture."""
    server, recipient = last.connection.server.label, last.recipient
    if recipient.accepted:
        return f"taken by {server}"
    to_end = last.connection.ending.closure in (Closure.NORMAL, Closure.RESET)
    text = fate_of(recipient, last.transaction, seen_to_end=to_end)
    decisive = recipient.decisive
    if decisive is not None and decisive.code.startswith("4"):
        return f"not taken in this capture; {server} said {text}"
    return f"refused by {server}: {text}" if decisive is not None and decisive.whole else f"unknown: {text}"
