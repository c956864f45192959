"""Mailboxes of programs that the lab itself has read at the end, by POP3 or IMAP (:class:`events.MailboxRead`).

What was found there was delivered.  What is missing was not, unless somebody else may have taken it away.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from testbed.expect.deeds import deeds
from testbed.expect.sealed import sealed
from testbed.expect.visits import Visit, visits
from testbed.protocols import events
from testbed.protocols.events.mailbox import READS_AT_THE_END
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_within

CHANGES = frozenset(("STORE", "EXPUNGE", "MOVE", "CLOSE", "DELE"))
_PUTS = frozenset(("APPEND", "COPY", "RENAME", "DELETE"))
_CHANGED = "somebody else has changed its mailbox"

BoxOf = tuple[str, str]
"""A host, and the address of a mailbox of it, in lower case."""


def without_reading(analysis: Analysis) -> Analysis:
    """The trace without the connections by which the lab has read; no expectation is about these."""
    own = {c.number for c in analysis.connections if c.client.label == READS_AT_THE_END} if _read(analysis) else set()
    if not own:
        return analysis
    return replace(analysis, chosen=tuple(n for n in analysis.connections.numbers if n not in own))


def with_reading(analysis: Analysis) -> Analysis:
    """The trace with these connections, as one more visit to the mailboxes; without them where TLS hides them."""
    hidden = sealed(analysis, [READS_AT_THE_END]) if _read(analysis) else []
    return without_reading(analysis) if hidden else analysis


def unknown(analysis: Analysis) -> dict[BoxOf, str]:
    """Why nobody knows what mailboxes hold, though the lab wanted to read them."""
    read = _read(analysis)
    if not read:
        return {}
    reasons = {box: f"the lab could not read its mailbox at the end: {event.failed}" for box, event in read.items()}
    return {box: reasons[box] for box, event in read.items() if event.failed} | {
        box: _CHANGED for box, event in read.items() if not event.failed and box in _changed(analysis, read)
    }


def known(analysis: Analysis) -> frozenset[BoxOf]:
    """The mailboxes that hold what the lab has found there, and held nothing else before."""
    read = _read(analysis)
    return frozenset(read) - unknown(analysis).keys()


def given_to_readers(analysis: Analysis) -> Iterator[tuple[BoxOf, Visit, bytes, int, int]]:
    """Whole messages that others were given from mailboxes the lab has read: octets, time and frame."""
    boxes = {(host, address.partition("@")[0]): (host, address) for host, address in _read(analysis)}
    for visit in visits(analysis) if boxes else ():
        box = boxes.get((visit.server, visit.user))
        if box is None or visit.client == READS_AT_THE_END:
            continue
        for said in visit.said:
            for message in said.messages:
                if message.complete and message.command in ("RETR", "FETCH"):
                    yield box, visit, message.octets, said.ended_ns, message.frames[-1]


def _read(analysis: Analysis) -> dict[BoxOf, events.MailboxRead]:
    """How each mailbox was read the last time."""
    return {(entry.host, entry.event.mailbox.lower()): entry.event for entry in of(analysis.log, events.MailboxRead)}


def _changed(analysis: Analysis, read: dict[BoxOf, events.MailboxRead]) -> set[BoxOf]:
    """The mailboxes whose mail somebody else has moved, copied or deleted, or may have."""
    followed = {visit.connection.number: visit for visit in visits(analysis)}
    users = {visit.user for visit in followed.values() if _changes(visit)}
    hosts = {deed.host for deed in deeds(analysis) if not deed.plays}
    hosts |= {entry.host for entry in of(analysis.log, events.Emptied)}
    for connection in analysis.connections:
        service = connection.service
        pulls = service == "http" or service_within(service).mail is Mail.PULLED
        unclear = connection.tls is not None and connection.tls.sealed and not service
        if (pulls or unclear) and connection.number not in followed and connection.client.label != READS_AT_THE_END:
            hosts.add(connection.server.label)
    return {box for box in read if box[0] in hosts or box[1].partition("@")[0] in users}


def _changes(visit: Visit) -> bool:
    return visit.client != READS_AT_THE_END and any(said.verb in CHANGES | _PUTS for said in visit.said)
