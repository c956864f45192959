"""What became of each promise: a 250 is one for a message, its octets and a recipient.

The promise is read from the packets (the 250 after the final dot), its fulfilment from the hosts' logs, from the
inventory of mailboxes and queues at the end, and from what packets and Maildirs show of programs.  As often as a host
has promised, it must have delivered, bounced or still hold: two promises are not kept by one deed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from testbed.expect.conservation.canonical import canonical_addresses, canonical_names
from testbed.expect.conservation.ended_in_silence import EndedInSilence
from testbed.expect.conservation.folders import deletes
from testbed.expect.conservation.listings import Listings
from testbed.expect.conservation.passages import Answer, Passage
from testbed.expect.conservation.told_in_words import ToldInWords
from testbed.expect.observed import told_by_programs
from testbed.expect.read_back import known, unknown
from testbed.protocols import events
from testbed.protocols.address import domain_of
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import AnyEntry, LogEntry, of
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

_ARRIVED = (events.HoldsMail, events.Stored, events.HoldsQueue, events.Relayed, events.Discarded)
_ACTIONS = frozenset(("failed", "delayed", "delivered", "relayed", "expanded"))  # RFC 3464 §2.3.3
Done = TypeVar("Done", bound=events.ForRecipient)


@dataclass(frozen=True, slots=True)
class Debt:
    """What a host owes to one recipient of one message: the times it has promised, and those it has kept.

    ``lost`` are the promises known to be broken, ``unseen`` those of which nobody can tell.  ``delayed`` tells that its
    sender was told of a delay.
    """

    host: str
    message_id: str
    recipient: str
    promised: int
    lost: int
    unseen: int
    delayed: bool
    frames: tuple[int, ...]

    @property
    def is_kept(self) -> bool:
        """Whether all of them were seen kept."""
        return not self.lost and not self.unseen


@dataclass(frozen=True, slots=True)
class _Key:
    host: str
    message_id: str
    recipient: str
    sender: str
    silent: bool


class Ledger:
    """The hosts' account of what they did with each message.

    ``log`` has the entries of :attr:`Analysis.log`, those of programs' Maildirs under the Message-IDs of what was
    promised (:func:`testbed.expect.conservation.stored.known_again`).
    """

    def __init__(self, analysis: Analysis, carried: Sequence[Passage], log: Sequence[AnyEntry]) -> None:
        self._entries: dict[str, list[LogEntry[events.OfMessage]]] = {}  # by Message-ID
        self._of_recipient: dict[tuple[str, str, str], list[LogEntry[events.OfMessage]]] = {}
        for entry in of((*log, *told_by_programs(analysis)), events.OfMessage):
            self._entries.setdefault(entry.event.message_id, []).append(entry)
            if isinstance(entry.event, events.ForRecipient):
                place = entry.event.message_id, entry.host, entry.event.recipient.lower()
                self._of_recipient.setdefault(place, []).append(entry)
        self._programs = {entry.host: entry.event for entry in of(analysis.log, events.Started)}
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
        given = {(passage.server, message_id) for passage in carried for message_id in (passage.message_id, "")}
        self._queues = {e.host for e in of(analysis.log, events.QueueSeen) if (e.host, e.event.message_id) in given}
        self._files = {(entry.host, entry.event.message_id) for entry in of(analysis.log, events.HoldsFile)}
        self._read, self._unread = known(analysis), unknown(analysis)
        self._listings = Listings(analysis.log)
        self._carried = carried
        stored = {(e.event.message_id, e.host, e.event.recipient.lower()) for e in of(log, events.Stored)}
        self._handed_over = Counter(
            (p.client, p.known_as, p.recipient)
            for p in carried
            if p.promised or (p.answer is Answer.UNHEARD and (p.message_id, p.server, p.recipient) in stored)
        )
        self._named = {(p.server, p.message_id, p.recipient) for p in carried}
        self._words = ToldInWords(analysis, carried, log)
        self._silence = EndedInSilence(analysis, carried)
        self._names = canonical_names(analysis) if self._programs else {}

    def debts(self) -> list[Debt]:
        """What each host has promised, in order of the promises."""
        groups: dict[_Key, list[Passage]] = {}
        for passage in self._carried:
            if passage.promised and not passage.staged:
                key = _Key(passage.server, passage.message_id, passage.recipient, passage.sender, passage.silent)
                groups.setdefault(key, []).append(passage)
        broken = {key: self._broken(key, promises) for key, promises in groups.items()}
        for key in filter(self._in_file, groups):  # listed, too: these entries are nobody else's
            self._listings.take(key.host, key.recipient, key.sender, len(groups[key]))
        for whose in ("the sender's", "anybody's"):  # whose address the program may have written anew
            for key, number in broken.items():
                sender = key.sender if whose == "the sender's" else None
                broken[key] -= self._listings.take(key.host, key.recipient, sender, number)
        return [self._debt(key, promises, broken[key]) for key, promises in groups.items()]

    def _broken(self, key: _Key, promises: Sequence[Passage]) -> int:
        """How many promises nothing else is seen to keep than, maybe, what the host says of its queue."""
        # A server that knows a message again whose 250 was not heard may keep one copy for both.
        fewest = (
            max(1, sum(promise.answer is Answer.TAKEN for promise in promises)) if key.message_id else len(promises)
        )
        if self._in_file(key) or self._expanded(key) or self._words.names(key.host, key.sender, key.recipient):
            return 0
        if self._silence.silent(promises[0]):
            return 0
        return max(0, fewest - self._kept(key) - self._silence.notices(promises[0]))

    def _expanded(self, key: _Key) -> bool:
        """Whether a program may have taken the recipient, of its own domain, for a name of others who got the message.

        An alias, a mailing list, or an address with a detail (RFC 5233) is one; a mailbox may be forwarded elsewhere.
        """
        if key.host not in self._programs or domain_of(key.recipient) not in self._own(key.host):
            return False
        stored = {
            entry.event.recipient.lower()
            for entry in of(self._entries.get(key.message_id, ()), events.Stored)
            if entry.host == key.host
        }
        sent = {
            recipient
            for host, message_id, recipient in self._handed_over
            if (host, message_id) == (key.host, key.message_id)
        }
        others = sent if key.recipient in self._programs[key.host].mailboxes else stored | sent
        return any((key.host, key.message_id, other) not in self._named for other in others)

    def _own(self, host: str) -> set[str]:
        program = self._programs[host]
        return {domain_of(address) for address in (*program.mailboxes, *program.takes, f"@{host}")}

    def _in_file(self, key: _Key) -> bool:
        return (key.host, key.message_id) in self._files

    def _debt(self, key: _Key, promises: Sequence[Passage], broken: int) -> Debt:
        seen = key.host not in self._programs or (self._is_seen(key) and not self._told_unclearly(key))
        return Debt(
            key.host,
            key.message_id,
            key.recipient,
            len(promises),
            broken if seen else 0,
            0 if seen else broken,
            any(e.event.action == "delayed" and e.event.sender.lower() == key.sender for e in self._told(key)),
            tuple(sorted({frame for promise in promises for frame in promise.frames})),
        )

    def _is_seen(self, key: _Key) -> bool:
        """Whether a program's mailbox for the recipient can be looked into, or else its queue, or a listing of that.

        Mail for a domain of its own may be listed under another name, or be delivered where nobody looks.
        """
        box = key.host, key.recipient
        if key.recipient in self._programs[key.host].mailboxes or box in self._read:
            return True
        if key.silent or box in self._unread or self._words.may_have_come(key.host, key.sender):
            return False
        elsewhere = domain_of(key.recipient) not in self._own(key.host) and "[" not in key.recipient
        in_queue = key.host in self._queues and bool(key.message_id)
        return elsewhere and (in_queue or self._listings.is_complete(key.host))

    def _kept(self, key: _Key, asked: frozenset[str] = frozenset()) -> int:
        """How many promises are kept by what the host did.  ``asked`` are recipients it has forwarded from."""
        owner = self._aliases.get((key.host, key.recipient))
        aliased = self._stored(replace(key, recipient=owner)) if owner is not None else 0
        return (
            aliased
            + self._stored(key)
            + self._passed_on(key)
            + len(self._of(events.HoldsQueue, key))
            + sum(
                self._notified(entry.event) for entry in self._bounced(key) if entry.event.sender.lower() == key.sender
            )
            + (len(self._of(events.Discarded, key)) if key.silent else 0)
            + sum(entry.event.action == "discard" for entry in self._of(events.Sorted, key))
            + sum(self._forwarded(key, entry.event, asked) for entry in self._of(events.Forwarded, key))
            + sum(self._expanded_list(key, entry.event, asked) for entry in self._of(events.Expanded, key))
            + sum(self._kept(other, asked | {key.recipient}) for other in self._written_anew(key, asked))
        )

    def _written_anew(self, key: _Key, asked: frozenset[str]) -> Iterator[_Key]:
        """The promise under the canonical name of its domain, by which a program may have passed it on."""
        if key.host in self._programs:
            for address in canonical_addresses(key.recipient, self._names):
                if address not in asked and (key.host, key.message_id, address) not in self._named:
                    yield replace(key, recipient=address)

    def _forwarded(self, key: _Key, forwarded: events.Forwarded, asked: frozenset[str]) -> bool:
        """Sent on to an address elsewhere: the same host owes it there now."""
        target, before = forwarded.target.lower(), asked | {key.recipient}
        return target not in before and self._kept(replace(key, recipient=target), before) > 0

    def _expanded_list(self, key: _Key, expanded: events.Expanded, asked: frozenset[str]) -> bool:
        """Sent on to the members of a list: the same host owes it to each of them now, and failures to the list."""
        before = asked | {key.recipient}
        owed = (
            replace(key, recipient=member.lower(), sender=sender.lower(), silent=not sender)
            for member, sender in zip(expanded.members, expanded.senders, strict=True)
        )
        return all(one.recipient not in before and self._kept(one, before) > 0 for one in owed)

    def _of(self, kind: type[Done], key: _Key) -> list[LogEntry[Done]]:
        return list(of(self._of_recipient.get((key.message_id, key.host, key.recipient), ()), kind))

    def _told(self, key: _Key) -> list[LogEntry[events.Notified]]:
        return self._of(events.Notified, key) or self._of(events.Notified, replace(key, message_id=""))

    def _told_unclearly(self, key: _Key) -> bool:
        """Whether its sender was notified of something that nobody can make out: an Action is missing, or none."""
        return any(e.event.action not in _ACTIONS and e.event.sender.lower() == key.sender for e in self._told(key))

    def _bounced(self, key: _Key) -> list[LogEntry[events.Bounced]]:
        """What its sender was told of it; programs need not name the message they tell of (RFC 3464 §2.1)."""
        named, unnamed = self._of(events.Bounced, key), self._of(events.Bounced, replace(key, message_id=""))
        found = named or (unnamed if key.host in self._programs else [])
        return [entry for entry in found if entry.event.sender.lower() == key.sender]

    def _stored(self, key: _Key) -> int:
        """In the mailbox at the end, or put there before somebody emptied it or its reader deleted it.

        Of a deletion the packets must tell too.
        """
        stored, held = self._of(events.Stored, key), len(self._of(events.HoldsMail, key))
        if key.host in self._programs:
            return len(stored)
        deleted = len(self._of(events.Deleted, key)) if key.host in self._deleted_at else 0
        emptied = sum(
            any(e.time_ns >= copy.time_ns and e.event.mailbox.lower() == key.recipient for e in self._emptied)
            for copy in stored
        )
        return min(len(stored), held + deleted + emptied)

    def _passed_on(self, key: _Key) -> int:
        """Handed on, and the packets agree that the next hop took it; a program says nothing of it.

        Mail that lies in a mailbox is delivered, whatever its client made of the answer.
        """
        handed_over = self._handed_over[key.host, key.message_id, key.recipient]
        return handed_over if key.host in self._programs else min(handed_over, len(self._of(events.Relayed, key)))

    def _notified(self, bounced: events.Bounced) -> bool:
        """The notification itself is stored, queued or on its way."""
        return any(of(self._entries.get(bounced.dsn_id, ()), *_ARRIVED))
