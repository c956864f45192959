"""Conservation of mail: what a server answered 250 for is delivered, bounced or still queued; never lost.

The promise is read from the packets (the 250 after the final dot), its fulfilment from the hosts' logs and from the
inventory of mailboxes and queues at the end.  A copy too many is allowed only where a connection broke after the
final dot (RFC 1047), and is counted.  What its reader has deleted was delivered, and what a rule of his discards;
what he has moved is in one folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from testbed.expect.folders import deletes, in_two_folders
from testbed.expect.observed import entries, programs
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import LogEntry, of
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

_ARRIVED = (events.HoldsMail, events.Stored, events.HoldsQueue, events.Relayed, events.Discarded)
Done = TypeVar("Done", bound=events.ForRecipient)
WHAT = "no mail is lost, none is doubled without cause"


@dataclass(frozen=True, slots=True)
class _Promise:
    """A host answered 250 to this message for this recipient, in these frames."""

    host: str
    message_id: str
    recipient: str
    frames: tuple[int, ...]
    silent: bool  # nobody is to be told of a failure: the null path, or NOTIFY without FAILURE (RFC 3461 §4.1)


def judge_conservation(analysis: Analysis) -> Verdict:
    """One verdict on all mail of a trace."""
    ledger = _Ledger(analysis)
    promises = list(_promises(analysis))
    hosts = programs(analysis)
    open_ = [promise for promise in promises if not ledger.kept(promise)]
    lost = [promise for promise in open_ if promise.host not in hosts]
    unseen = [promise for promise in open_ if promise.host in hosts]
    doubled, excused = _copies(analysis)
    doubled += in_two_folders(analysis)
    frames = tuple(sorted({frame for promise in lost or promises for frame in promise.frames}))
    if lost:
        why = "; ".join(
            f"{p.host} answered 250 for {p.message_id} to {p.recipient}; it is neither delivered, bounced nor queued"
            for p in lost
        )
        return Verdict(WHAT, False, why, frames)
    if doubled:
        return Verdict(WHAT, False, "; ".join(doubled), frames)
    accounted = f"{len(promises) - len(unseen)} promises kept" if promises else "no server promised anything"
    accounted += "".join(
        f"; whether {p.host}, a program, still has {p.message_id} for {p.recipient} cannot be seen" for p in unseen
    )
    return Verdict(WHAT, True, accounted + "".join(f"; {copy}" for copy in excused), frames)


def _promises(analysis: Analysis) -> Iterator[_Promise]:
    for connection in analysis.connections:
        for transaction in connection.transactions:
            for recipient in transaction.recipients:
                if recipient.accepted and transaction.message is not None:
                    yield _Promise(
                        connection.server.label,
                        transaction.message_id,
                        recipient.address.lower(),
                        transaction.message.frames[-1:],
                        not transaction.sender or _forbids_bounces(recipient.parameters),
                    )


def _forbids_bounces(parameters: str) -> bool:
    found = next((word[7:] for word in parameters.upper().split() if word.startswith("NOTIFY=")), "FAILURE")
    return "FAILURE" not in found.split(",")


class _Ledger:
    """The hosts' own account of what they did with each message."""

    def __init__(self, analysis: Analysis) -> None:
        self._entries: dict[str, list[LogEntry[events.ForRecipient]]] = {}  # by Message-ID
        for entry in entries(analysis, events.ForRecipient):
            self._entries.setdefault(entry.event.message_id, []).append(entry)
        self._programs = programs(analysis)
        self._emptied = list(of(analysis.log, events.Emptied))
        self._aliases = {
            (entry.host, entry.event.alias.lower()): entry.event.recipient.lower()
            for entry in of(analysis.log, events.Stored)
            if entry.event.alias
        }
        self._deleted_at = {
            connection.server.label
            for connection in analysis.connections
            if service_of(connection.service).mail is Mail.PULLED and deletes(connection)
        }
        self._handed_over = {
            (connection.client.label, transaction.message_id, recipient.address.lower())
            for connection in analysis.connections
            for transaction in connection.transactions
            for recipient in transaction.recipients
            if recipient.accepted
        }

    def kept(self, promise: _Promise) -> bool:
        owner = self._aliases.get((promise.host, promise.recipient))
        if owner is not None and self._stored(replace(promise, recipient=owner)):
            return True
        return (
            self._stored(promise)
            or self._relayed(promise)
            or (promise.host in self._programs and self._got_rid_of(promise))
            or bool(self._of(events.HoldsQueue, promise))
            or any(self._notified(entry.event) for entry in self._of(events.Bounced, promise))
            or (promise.silent and bool(self._of(events.Discarded, promise)))
            or any(entry.event.action == "discard" for entry in self._of(events.Sorted, promise))
            or any(self._forwarded(promise, entry.event) for entry in self._of(events.Forwarded, promise))
        )

    def _forwarded(self, promise: _Promise, forwarded: events.Forwarded) -> bool:
        """Sent on to an address elsewhere: the same host owes it there now."""
        target = forwarded.target.lower()
        return target != promise.recipient and self.kept(replace(promise, recipient=target))

    def _of(self, kind: type[Done], promise: _Promise) -> list[LogEntry[Done]]:
        return [
            entry
            for entry in of(self._entries.get(promise.message_id, ()), kind)
            if entry.host == promise.host and entry.event.recipient.lower() == promise.recipient
        ]

    def _stored(self, promise: _Promise) -> bool:
        """In the mailbox at the end, or put there before somebody emptied it or its reader deleted it.

        Of a deletion the packets must tell too.
        """
        if self._of(events.HoldsMail, promise):
            return True
        stored = self._of(events.Stored, promise)
        if promise.host in self._deleted_at and stored and bool(self._of(events.Deleted, promise)):
            return True
        return any(
            emptied.time_ns >= copy.time_ns and emptied.event.mailbox.lower() == promise.recipient
            for copy in stored
            for emptied in self._emptied
        )

    def _relayed(self, promise: _Promise) -> bool:
        """Handed on, and the packets agree that the next hop took it."""
        handed_over = (promise.host, promise.message_id, promise.recipient) in self._handed_over
        return handed_over and bool(self._of(events.Relayed, promise))

    def _got_rid_of(self, promise: _Promise) -> bool:
        """A program logs nothing for us: it has handed on what its packets show, and filled the mailboxes we see."""
        handed_over = (promise.host, promise.message_id, promise.recipient) in self._handed_over
        return handed_over or bool(self._of(events.Stored, promise))

    def _notified(self, bounced: events.Bounced) -> bool:
        """The notification itself is stored, queued or on its way."""
        return any(of(self._entries.get(bounced.dsn_id, ()), *_ARRIVED))


def _copies(analysis: Analysis) -> tuple[list[str], list[str]]:
    """Copies too many: those without excuse, and those RFC 1047 explains."""
    copies: Counter[tuple[str, str]] = Counter(
        (entry.event.message_id, (entry.event.alias or entry.event.recipient).lower())
        for entry in of(analysis.log, events.Stored)
    )
    excuses: Counter[tuple[str, str]] = Counter(
        (transaction.message_id, recipient.address.lower())
        for connection in analysis.connections
        for transaction in connection.transactions
        if transaction.message is not None
        for recipient in transaction.recipients
        if recipient.in_doubt
    )
    doubled, excused = [], []
    for (message_id, recipient), number in copies.items():
        if number > 1 + excuses[message_id, recipient]:
            doubled.append(f"{number} copies of {message_id} for {recipient}, and no lost reply explains it")
        elif number > 1:
            excused.append(
                f"{number} copies of {message_id} for {recipient}: the reply to the final dot was lost (RFC 1047)"
            )
    return doubled, excused
