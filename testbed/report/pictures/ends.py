"""What became of mail for each recipient in the end.

A lab's own account says whether it lies in a mailbox.  Of any other capture the packets say who took it last, or who
read it; what is not in the capture stays unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct

from testbed.expect import fates
from testbed.plural import count, times
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


class _Try(Struct, frozen=True):
    """One attempt to hand a message over for a recipient."""

    connection: Connection
    transaction: Transaction
    recipient: Recipient


class _Key(NamedTuple):
    """What tells messages apart, for each recipient; ``alone`` is the place of one without a Message-ID."""

    recipient: str
    sender: str
    message_id: str
    alone: tuple[int, int]


@dataclass(slots=True)
class _Mail:
    """All that is seen of one message for one recipient; ``joined`` are tries that showed too little of it."""

    tries: list[_Try] = field(default_factory=list)
    joined: int = 0


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
        mood = Mood.REPEATED if fate.end is fates.End.DELIVERED and fate.copies > 1 else _MOODS[fate.end]
        yield End(fate.recipient, subjects.get(fate.message_id, ""), words, mood, fate.frames, when)
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
    found = _tries(connections)
    _join_unsent(found)
    read = dict(_read(connections))
    for key, mail in found.items():
        last = mail.tries[-1]
        subject = next((one.transaction.subject for one in reversed(mail.tries) if one.transaction.subject), "")
        accepted = (one for one in mail.tries if one.recipient.accepted and _same_way(one, last))
        taken = [*{id(one.transaction): one for one in accepted}.values()]
        if key.message_id and len(taken) > 1:
            words = f"taken {times(len(taken))} by {last.connection.server.label}"
            yield End(key.recipient, subject, words, Mood.REPEATED, tuple(_promised(one) for one in taken))
        elif key.message_id and key.message_id in read and last.recipient.accepted:
            words, frame = read[key.message_id]
            yield End(key.recipient, subject, words, Mood.OK, (frame,))
        else:
            words = _words(last)
            tries = (one for one in mail.tries if one.transaction.whole and _same_way(one, last))
            if last.recipient.accepted and any(one.recipient.in_doubt for one in tries):
                words += ", perhaps twice"
            if mail.joined and last.recipient.accepted:
                words += f", probably after {count(mail.joined, 'try', 'tries')} in vain"
            yield End(key.recipient, subject, words, mood_of(last.recipient), last.transaction.frames[-1:])


def _same_way(one: _Try, other: _Try) -> bool:
    """Whether both are between the same two hosts: what a relay passes on comes to another."""
    ends, others = ((c.client.address, c.server.address) for c in (one.connection, other.connection))
    return ends == others


def _promised(one: _Try) -> int:
    """The frame in which it was taken."""
    return (one.transaction.frames or (one.connection.last_frame,))[-1]


def _tries(connections: Sequence[Connection]) -> dict[_Key, _Mail]:
    """Messages by their Message-ID; one that has none is no other's, and one that never came may be anybody's."""
    found: dict[_Key, _Mail] = defaultdict(_Mail)
    for connection in connections:
        for place, transaction in enumerate(connection.transactions):
            nameless = transaction.message is not None and not transaction.message_id
            alone = (connection.number, place) if nameless else (0, 0)
            for recipient in transaction.recipients:
                if recipient.address and recipient.address != UNSEEN:
                    key = _Key(recipient.address.lower(), transaction.sender.lower(), transaction.message_id, alone)
                    found[key].tries.append(_Try(connection, transaction, recipient))
    return found


def _join_unsent(found: dict[_Key, _Mail]) -> None:
    """Tries that ended before a message was sent are probably of the only message there is from one to the other."""
    for key in list(found):
        sent = [other for other in found if other[:2] == key[:2] and (other.message_id or other.alone != (0, 0))]
        if key not in sent and len(sent) == 1:
            unsent, mail = found.pop(key), found[sent[0]]
            mail.joined = len(unsent.tries)
            mail.tries = sorted(mail.tries + unsent.tries, key=_when)


def _when(one: _Try) -> tuple[int, tuple[int, ...]]:
    return one.connection.start_ns, one.transaction.frames[:1]


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
    refused = decisive is not None and decisive.whole and decisive.code.startswith("5")
    return f"refused by {server}: {text}" if refused else f"unknown: {text.strip() or 'no SMTP reply'}"
