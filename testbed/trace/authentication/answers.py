"""What DNS said, as a capture shows it: answers with the time they hold for, and the lookup they make for a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
from msgspec import Struct

from testbed.authentication.lookup import Answer, Lookup, Outcome, Unanswered, plain_name
from testbed.durations import DAY, SECOND
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.dns.message import ANSWER, AUTHORITY, HEADER_OCTETS, Place, places
from testbed.trace.services.dns.results import usable_answer
from testbed.trace.services.dns.service import DNS
from testbed.trace.worth_judging import REVERSED

KINDS = frozenset(("TXT", "A", "AAAA", "MX", "PTR"))
_SHORTLY_NS = 60 * SECOND  # behind a message: whoever received it may have asked only then
_FAILED_S = 30  # a failure may be over soon (RFC 2308 §7)
_LONGEST_TTL_S = 7 * DAY // SECOND
_MOST_RECORDS, _MOST_ALIASES = 200, 10
_MOST_OCTETS = 65_535
_FROM_CAPTURES = "the capture has no answer for"


class Told(Struct, frozen=True):
    """One answer to one question.

    ``alias`` is where a chain of aliases leaves the answer, ``""`` where it does not.  ``asker`` is the address of who
    asked; the answer was seen at ``seen_ns``, and holds until ``until_ns``.
    """

    name: str
    kind: str
    answer: Answer
    alias: str
    asker: str
    seen_ns: int
    until_ns: int
    frames: tuple[int, ...] = ()


def told_on(connection: Connection) -> Iterator[Told]:
    """The answers that a connection shows, of the kinds that judges ask for."""
    if connection.service not in DNS.names:
        return
    for exchange in connection.exchanges:
        command, answer = exchange.command, usable_answer(exchange)
        if command is not None and command.verb in KINDS and answer is not None and answer.wire:
            told = _told(answer.wire, exchange, connection.client.address)
            if told is not None:
                yield told


def _told(wire: bytes, exchange: Exchange, asker: str) -> Told | None:
    assert exchange.command is not None
    assert exchange.reply is not None
    kind = exchange.command.verb
    try:
        asked = dns.name.from_wire(wire, HEADER_OCTETS)[0]
        read = _Read(wire, kind)
    except (dns.exception.DNSException, ValueError):
        return None
    outcome, records, name, seconds = read.result(asked)
    if outcome is None:
        return None
    seen_ns = exchange.reply.end_ns
    left = _text(name) if name != asked and outcome == "nothing" and not read.denied else ""
    return Told(
        _text(asked),
        kind,
        Answer(outcome, records),
        left,
        asker,
        seen_ns,
        seen_ns + min(max(seconds, 0), _LONGEST_TTL_S) * SECOND,
        exchange.frames,
    )


class _Read:
    """The records of one message, by their names."""

    def __init__(self, wire: bytes, kind: str) -> None:
        self._flags = int.from_bytes(wire[2:4], "big")
        self._aliases: dict[dns.name.Name, tuple[dns.name.Name, int]] = {}
        self._records: dict[dns.name.Name, list[tuple[str, int]]] = {}
        self._delegates = False  # whether other name servers are named
        self.denied: int | None = None  # for how many seconds a zone denies it
        for place in places(wire):
            self._take(wire, place, kind)

    def _take(self, wire: bytes, place: Place, kind: str) -> None:
        number = dns.rdatatype.RdataType.make(place.kind)
        word = dns.rdatatype.to_text(number)
        if place.section == AUTHORITY:
            self._delegates |= word == "NS"
        wanted = (ANSWER, kind), (ANSWER, "CNAME"), (AUTHORITY, "SOA")
        if (place.section, word) not in wanted or place.of_class != dns.rdataclass.IN:
            return
        data = dns.rdata.from_wire(
            dns.rdataclass.IN, dns.rdatatype.RdataType.make(place.kind), wire, place.at, place.length
        )
        if isinstance(data, dns.rdtypes.ANY.SOA.SOA):
            self.denied = min(place.ttl, data.minimum)  # RFC 2308 §5
            return
        owner = dns.name.from_wire(wire, place.owner)[0]
        if isinstance(data, dns.rdtypes.ANY.CNAME.CNAME):
            self._aliases[owner] = data.target, place.ttl
        elif len(records := self._records.setdefault(owner, [])) < _MOST_RECORDS:
            records.append((_record(data), place.ttl))

    def result(self, asked: dns.name.Name) -> tuple[Outcome | None, tuple[str, ...], dns.name.Name, int]:
        """What it says of a name, at which name aliases end, and for how many seconds; None where it says nothing."""
        name, seconds = asked, _LONGEST_TTL_S
        for _ in range(_MOST_ALIASES):
            if name not in self._aliases:
                break
            name, ttl = self._aliases[name]
            seconds = min(seconds, ttl)
        code = dns.rcode.from_flags(self._flags, 0)
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return "servfail", (), name, _FAILED_S
        found = self._records.get(name, [])
        if found and code == dns.rcode.NOERROR:
            ttl = min(ttl for _, ttl in found)
            return "found", tuple(text for text, _ in found), name, min(seconds, ttl)
        seconds = min(seconds, self.denied or 0)
        if code == dns.rcode.NXDOMAIN:
            return "nxdomain", (), name, seconds
        # A name server that only names others has not said that there is nothing (RFC 2308 §2.2).
        says_so = self.denied is not None or self._flags & dns.flags.AA or not self._delegates
        return ("nothing" if says_so or name != asked else None), (), name, seconds


def _record(data: dns.rdata.Rdata) -> str:
    match data:
        case dns.rdtypes.ANY.TXT.TXT():
            return b"".join(data.strings).decode("latin-1")[:_MOST_OCTETS]
        case dns.rdtypes.IN.A.A() | dns.rdtypes.IN.AAAA.AAAA():
            return str(data.address)
        case dns.rdtypes.ANY.MX.MX():
            return f"{data.preference} {_text(data.exchange)}"
        case dns.rdtypes.ANY.PTR.PTR():
            return _text(data.target)
        case _:
            return data.to_text()


def _text(name: dns.name.Name) -> str:
    return plain_name(name.to_text())


@dataclass
class Answers:
    """All answers that are known: those of the capture, then of a zone file, then of other captures."""

    told: Iterable[Told] = ()
    zone: Lookup | None = None
    elsewhere: Callable[[], Iterable[Told]] = tuple
    _here: Mapping[tuple[str, str], list[Told]] = field(init=False)
    _there: Mapping[tuple[str, str], list[Told]] | None = None
    _lists: Mapping[str, list[str]] | None = None

    def __post_init__(self) -> None:
        self._here = _by_question(self.told)

    def at(self, begin_ns: int, end_ns: int, asker: str) -> Known:
        """The lookup of who received a message from ``begin_ns`` to ``end_ns``."""
        return Known(self, begin_ns, end_ns, asker)

    def here(self, name: str, kind: str) -> list[Told]:
        """All answers of the capture to a question."""
        return self._here.get((name, kind), [])

    def lists_asked(self, client: str) -> list[str]:
        """The zones in which the capture has an answer about an IP address as block lists give it (RFC 5782 §2)."""
        if self._lists is None:
            lists: dict[str, list[str]] = {}
            for name, kind in self._here:
                asked = REVERSED.match(name) if kind == "A" else None
                if asked is not None and not name.endswith(".arpa"):
                    lists.setdefault(asked[1], []).append(asked[2])
            self._lists = lists
        labels = ip_address(client).reverse_pointer.split(".")[:-2]
        return self._lists.get(".".join(labels), [])

    def there(self, name: str, kind: str) -> list[Told]:
        """All answers of other captures to a question; they are read when they are first asked for."""
        if self._there is None:
            self._there = _by_question(self.elsewhere())
        return self._there.get((name, kind), [])


def _by_question(told: Iterable[Told]) -> dict[tuple[str, str], list[Told]]:
    found: dict[tuple[str, str], list[Told]] = {}
    for one in told:
        found.setdefault((one.name, one.kind), []).append(one)
    return found


@dataclass
class Known:
    """A lookup of what held at the time of a message.  ``frames`` are those of the answers it gave."""

    answers: Answers
    begin_ns: int
    end_ns: int
    asker: str
    frames: dict[int, None] = field(default_factory=dict)
    missing: str = ""

    def again(self) -> Known:
        """The same for another check, whose frames and gaps are its own."""
        return Known(self.answers, self.begin_ns, self.end_ns, self.asker)

    def __call__(self, name: str, kind: str) -> Answer:
        """What DNS said.  Raises Unanswered; then ``missing`` says what is missing."""
        return self._follow(plain_name(name), kind, _MOST_ALIASES)

    def _follow(self, name: str, kind: str, left: int) -> Answer:
        every = self.answers.here(name, kind)
        told = self._best(every)
        if told is not None:
            self.frames |= dict.fromkeys(told.frames)
        elif self.answers.zone is not None:
            try:
                return self.answers.zone(name, kind)
            except Unanswered:
                pass
        if told is None:
            others = self.answers.there(name, kind)
            told, every = self._best(others), [*every, *others]
        if told is None:
            self.missing = f"{_FROM_CAPTURES} {name} {kind}" + (" that held at the time" if every else "")
            raise Unanswered(name, kind)
        if not told.alias:
            return told.answer
        return self._follow(told.alias, kind, left - 1) if left else Answer("servfail")

    def _best(self, every: Iterable[Told]) -> Told | None:
        """The one that held: rather an answer than a failure, one to who received it, seen before the end, late."""
        holding = [one for one in every if self._held(one)]
        rank = lambda one: (  # noqa: E731
            not one.answer.failed,
            one.asker == self.asker,
            one.seen_ns <= self.end_ns,
            one.seen_ns if one.seen_ns <= self.end_ns else -one.seen_ns,
        )
        return max(holding, key=rank, default=None)

    def _held(self, one: Told) -> bool:
        return one.seen_ns - _SHORTLY_NS <= self.end_ns and self.begin_ns <= max(one.until_ns, one.seen_ns + SECOND)
