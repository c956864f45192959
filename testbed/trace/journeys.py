"""One message over several hops, connections and files.

What ties legs together is told with it, for it is worth more or less: a Message-ID, the name a server gave the message
in its reply and in a Received field, or only envelope and time.  What is empty or not in the capture ties nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from testbed.durations import DAY, SECOND
from testbed.protocols.queue_id import queue_id
from testbed.protocols.received import Received
from testbed.trace.model.connection import Connection, Endpoint
from testbed.trace.model.exchange import UNSEEN, Transaction
from testbed.trace.model.mail import Letter, ReadMail
from testbed.trace.services.table import service_of

_MOST_LEGS = 100_000
_MOST_RECIPIENTS = 100  # of a leg that are compared
_LONGEST_QUEUED = 5 * DAY  # RFC 5321 §4.5.4.1
_CLOCKS_DIFFER = 2 * SECOND  # between files
_NAMES_ITSELF = frozenset(("connect", "EHLO", "HELO", "LHLO"))


class Tie(StrEnum):
    """What shows that two legs are of one message."""

    MESSAGE_ID = "message-id"
    QUEUE_ID = "queue-id"
    ENVELOPE = "envelope"  # and time: probably


class Leg(Struct, frozen=True):
    """One try to hand a message over, or one reading of it.

    ``queue_id`` is the name the server gave it.  ``fate`` is ``taken``, the code that refused it, or what is known.
    ``recipients`` are none where it was read.
    """

    file: str
    connection: int
    client: Endpoint
    server: Endpoint
    by: str  # SMTP, POP3 …
    command: str  # "" where no message was sent
    pushed: bool
    start_ns: int
    end_ns: int
    frames: tuple[int, ...]
    letter: Letter
    sender: str | None
    recipients: tuple[str, ...]
    taken: bool
    fate: str
    queue_id: str = ""
    names: tuple[str, ...] = ()  # of the server, in small letters
    certain: bool = True  # that it is of the message it is told with; else it probably is

    @property
    def ends(self) -> tuple[str, str]:
        """From where to where, for people."""
        return self.client.label, self.server.label


class Journey(Struct, frozen=True):
    """The legs of one message in order of time, and what ties them together."""

    legs: tuple[Leg, ...]
    ties: tuple[Tie, ...]

    @property
    def certain(self) -> bool:
        """Whether all legs are shown to be of one message; else some probably are."""
        return all(leg.certain for leg in self.legs)

    @property
    def letter(self) -> Letter:
        """What the message says of itself, where a leg shows it."""
        return max((leg.letter for leg in self.legs), key=lambda letter: (bool(letter.message_id), letter.octets))

    @property
    def files(self) -> tuple[str, ...]:
        """The captures it is in."""
        return tuple(dict.fromkeys(leg.file for leg in self.legs))


def legs_of(connection: Connection, file: str) -> Iterator[Leg]:
    """The legs a connection shows."""
    names = [connection.server.label.lower(), connection.server.address]
    for exchange in connection.exchanges:
        if exchange.command and exchange.command.verb in _NAMES_ITSELF and exchange.reply and exchange.reply.lines:
            names.append(exchange.reply.lines[0].split(" ")[0].lower().rstrip("."))
    by = service_of(connection.service).word or connection.service.upper()
    for message in connection.transactions:
        yield _pushed(connection, message, file, by, tuple(dict.fromkeys(names)))
    for exchange in connection.exchanges:
        for mail in exchange.result.carried if exchange.result is not None else ():
            end_ns = exchange.reply.end_ns if exchange.reply is not None else connection.end_ns
            yield _read(connection, mail, file, by, end_ns)


def _pushed(connection: Connection, message: Transaction, file: str, by: str, names: tuple[str, ...]) -> Leg:
    replies = [to.decisive for to in message.recipients if to.decisive is not None]
    carried = message.message.command if message.message is not None else None
    times = [reply.time_ns for reply in replies] or [connection.start_ns]
    taken = [to for to in message.recipients if to.accepted]
    final = next((to.final for to in taken if to.final is not None), None)
    return Leg(
        file=file,
        connection=connection.number,
        client=connection.client,
        server=connection.server,
        by=by,
        command=message.command,
        pushed=True,
        start_ns=carried.time_ns if carried is not None else times[0],
        end_ns=max([reply.end_ns for reply in replies], default=connection.end_ns),
        frames=message.frames[:1] + message.frames[-1:],
        letter=message.letter,
        sender=message.sender,
        recipients=tuple(to.address for to in message.recipients if to.address and to.address != UNSEEN),
        taken=bool(taken),
        fate=_fate(message, bool(taken)),
        queue_id=queue_id(final.text) if final is not None else "",
        names=names,
    )


def _fate(message: Transaction, taken: bool) -> str:
    if taken:
        return "taken" if all(to.accepted for to in message.recipients) else "taken for some"
    statuses = dict.fromkeys(to.decisive.status for to in message.recipients if to.decisive is not None)
    if statuses:
        return ", ".join(list(statuses)[:3])
    return "fate not in the capture" if any(to.unseen for to in message.recipients) else "no reply"


def _read(connection: Connection, mail: ReadMail, file: str, by: str, end_ns: int) -> Leg:
    fate = "stored" if mail.pushed else "read"
    return Leg(
        file=file,
        connection=connection.number,
        client=connection.client,
        server=connection.server,
        by=by,
        command=mail.command,
        pushed=mail.pushed,
        start_ns=end_ns,
        end_ns=end_ns,
        frames=mail.frames,
        letter=mail.letter,
        sender=None,
        recipients=(),
        taken=mail.whole,
        fate=fate if mail.whole else f"{fate} in part",
    )


@dataclass(slots=True)
class _Groups:
    """Which legs are known to be of one message (disjoint sets), and by what."""

    parents: list[int]
    ties: dict[int, set[Tie]] = field(default_factory=lambda: defaultdict(set))

    def of(self, leg: int) -> int:
        """The group of a leg."""
        while self.parents[leg] != leg:
            self.parents[leg] = self.parents[self.parents[leg]]
            leg = self.parents[leg]
        return leg

    def tie(self, one: int, other: int, tie: Tie) -> None:
        """Two legs are of one message."""
        one, other = self.of(one), self.of(other)
        if one != other:
            self.parents[other] = one
            self.ties[one] |= {tie, *self.ties.pop(other, ())}


def journeys(legs: Iterable[Leg]) -> tuple[Journey, ...]:
    """The messages that are seen on several hops or in several files, in order of time."""
    ordered = sorted((leg for leg, _ in zip(legs, range(_MOST_LEGS), strict=False)), key=lambda leg: leg.start_ns)
    groups = _Groups(list(range(len(ordered))))
    _by_message_id(ordered, groups)
    _by_queue_id(ordered, groups)
    shown = [groups.of(place) for place in range(len(ordered))]
    _by_envelope(ordered, groups)
    found: dict[int, list[int]] = defaultdict(list)
    for place in range(len(ordered)):
        found[groups.of(place)].append(place)
    return tuple(
        Journey(_told(ordered, places, shown), tuple(tie for tie in Tie if tie in groups.ties[group]))
        for group, places in found.items()
        if len({ordered[place].ends for place in places}) > 1 or len({ordered[place].file for place in places}) > 1
    )


def _told(legs: Sequence[Leg], places: Sequence[int], shown: Sequence[int]) -> tuple[Leg, ...]:
    """The legs of one message.  Certain are those that are shown to be of the one with a Message-ID, or the first."""
    known = next((place for place in places if legs[place].letter.message_id), places[0])
    return tuple(replace(legs[place], certain=shown[place] == shown[known]) for place in places)


def _by_message_id(legs: Sequence[Leg], groups: _Groups) -> None:
    first: dict[str, int] = {}
    for place, leg in enumerate(legs):
        if message_id := leg.letter.message_id:
            groups.tie(first.setdefault(message_id, place), place, Tie.MESSAGE_ID)


def _by_queue_id(legs: Sequence[Leg], groups: _Groups) -> None:
    """A host's own name for a message stands in its reply, and in the field it writes on top of the message."""
    given: dict[Received, list[int]] = defaultdict(list)
    for place, leg in enumerate(legs):
        for name in leg.names if leg.queue_id and leg.taken else ():
            given[Received(name, leg.queue_id)].append(place)
    for place, leg in enumerate(legs):
        latest = leg.start_ns + _CLOCKS_DIFFER
        for line in leg.letter.received:
            givers = given.get(line, []) if line.by and line.queue_id else []
            earlier = bisect_right(givers, latest, key=lambda giver: legs[giver].start_ns)
            if earlier and givers[earlier - 1] != place:
                groups.tie(givers[earlier - 1], place, Tie.QUEUE_ID)


def _by_envelope(legs: Sequence[Leg], groups: _Groups) -> None:
    """What a host takes for somebody, and then hands on for the same, is probably one: if it took only one such."""
    took: dict[Hashable, list[int]] = defaultdict(list)
    handed: dict[Hashable, list[int]] = defaultdict(list)
    for place, leg in enumerate(legs):
        if leg.sender is None or leg.sender == UNSEEN:
            continue
        for recipient in leg.recipients[:_MOST_RECIPIENTS]:
            if leg.taken:
                took[leg.server.address, leg.sender, recipient].append(place)
            handed[leg.client.address, leg.sender, recipient].append(place)
    for key, takers in took.items():
        later = [place for place in handed.get(key, ()) if _follows(legs[takers[0]], legs[place])]
        known = {legs[place].letter.message_id for place in (*takers, *later)} - {""}
        if len({groups.of(place) for place in takers}) == 1 and later and len(known) < 2:
            for place in later:
                groups.tie(takers[0], place, Tie.ENVELOPE)


def _follows(taken: Leg, handed: Leg) -> bool:
    return -_CLOCKS_DIFFER <= handed.start_ns - taken.end_ns <= _LONGEST_QUEUED and taken is not handed
