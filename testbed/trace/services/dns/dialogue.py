"""DNS queries and answers as exchanges (RFC 1035; over TCP with a length before each message, RFC 7766).

dnspython reads a message's question and the data of its answers, one by one: a whole message it would read comparing
each record with those before it, which takes milliseconds when their names have a hundred labels.
"""

from __future__ import annotations

import dataclasses
import struct
from collections import Counter, deque
from typing import TYPE_CHECKING

from msgspec.structs import replace

from testbed.protocols.text import printable
from testbed.trace.flows import CLIENT
from testbed.trace.model.exchange import Command, Exchange, Reply, Transaction
from testbed.trace.model.phase import Phase
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.services.dns.edns import Edns, read_opt
from testbed.trace.services.dns.message import ADDITIONAL, ANSWER, HEADER_OCTETS, Place, places
from testbed.trace.services.dns.results import Answer, Asked, Record
from testbed.trace.tcp.reassembly import Chunk, Gap

if TYPE_CHECKING:
    import dns.name
    import dns.rdata

NOT_ANSWERED_HERE = "no answer in the capture"
NOT_ASKED_HERE = "its question is not in the capture"
AUTHENTICATED = "authenticated (AD)"
CUT_OFF_HERE = "the capture has only the beginning of it"
_MAX_RECORDS, _MAX_LINES = 500, 50  # of an answer: kept, and shown
_MAX_TEXT = 300
_MAX_EXCHANGES = 1_000_000
_MAX_REMARKS, _MAX_DETAIL = 100, 200
_CLOSE_NS = 5_000_000  # between packets that a capture may have in another order
_IS_ANSWER, _TRUNCATED, _AUTHENTIC = 0x8000, 0x0200, 0x0020  # of the flags
_OPT = 41


class DnsDialogue:
    """Pairs queries with answers by their id.  ``stream`` tells TCP from UDP."""

    def __init__(self, *, stream: bool) -> None:
        self._stream = stream
        self._buffers = (bytearray(), bytearray())
        self._exchanges: list[Exchange] = []
        self._open: dict[tuple[int, str, str], deque[int]] = {}
        self._ids: set[int] = set()  # of all questions
        self._unanswered: Counter[tuple[str, str]] = Counter()  # questions, by type and name
        self._remarks: list[Remark] = []
        self._more = Remarks()
        self._holes: set[int] = set()  # sides of a stream of which something is missing
        self._early: dict[tuple[int, str, str], int] = {}  # answers that stand before their questions

    def feed(self, item: Chunk | Gap) -> None:
        """The next datagram, or the next octets of a stream."""
        if isinstance(item, Gap):
            self._buffers[item.side].clear()
            self._holes.add(item.side)
        elif not self._stream:
            self._message(item.octets, item)
        elif item.side not in self._holes or _is_message(item.octets):
            buffer = self._buffers[item.side]
            buffer += item.octets
            while len(buffer) >= 2 and len(buffer) >= 2 + (length := buffer[0] << 8 | buffer[1]):
                self._message(bytes(buffer[2 : 2 + length]), item)
                del buffer[: 2 + length]

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood.  Only a stream without holes shows that a question had no answer."""
        if not self._stream or self._holes:
            for waiting in self._open.values():
                for at in waiting:
                    self._exchanges[at] = replace(self._exchanges[at], note=NOT_ANSWERED_HERE, unseen=True)
        return tuple(self._exchanges), ()

    def remarks(self) -> tuple[Remark, ...]:
        """Answers that are truncated, malformed, or to another question than the one that was asked, one for each.

        How many questions share a flow is up to the ports the client happens to take, so they are not put together,
        but for those of a flow that has very many.
        """
        return (*self._remarks, *self._more.in_order())

    def _message(self, wire: bytes, item: Chunk) -> None:
        if len(wire) < HEADER_OCTETS:
            self._malformed(wire, item)
        elif _flags(wire) & _IS_ANSWER:
            self._answer(wire, item)
        else:
            self._query(wire, item)

    def _malformed(self, wire: bytes, item: Chunk) -> None:
        side = "query" if item.side == CLIENT else "answer"
        command = Command("DNS", f"malformed {side}", (item.frame,), item.time_ns, len(wire))
        note = "this is not a DNS message" if not item.missing else CUT_OFF_HERE
        self._add(Exchange(Phase.TRANSFER, command, None, note, unseen=item.missing > 0))
        if side == "answer" and not self._holes and _number(wire) in self._ids:
            self._note("malformed-answer", item, "no DNS message")

    def _query(self, wire: bytes, item: Chunk) -> None:
        kind, name = _question(wire)
        command = Command(kind, name, (item.frame,), item.time_ns, len(wire))
        key = _number(wire), kind, name.lower()
        if (at := self._early.pop(key, None)) is not None and self._overtook(at, item):
            note = self._exchanges[at].note.replace(NOT_ASKED_HERE, "")
            result = self._exchanges[at].result
            result = dataclasses.replace(result, asked=_opt_of(wire)) if isinstance(result, Answer) else result
            self._exchanges[at] = replace(self._exchanges[at], command=command, note=note, result=result, unseen=False)
            return
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._open.setdefault(key, deque()).append(len(self._exchanges))
            self._ids.add(_number(wire))
            self._unanswered[kind, name.lower()] += 1
        self._add(Exchange(Phase.TRANSFER, command, None, "no answer", Asked(_number(wire), _opt_of(wire))))

    def _answer(self, wire: bytes, item: Chunk) -> None:
        import dns.rcode

        flags = _flags(wire)
        kind, name = _question(wire)
        records, edns, whole = _answered(wire)
        code = dns.rcode.to_text(dns.rcode.from_flags(flags, edns.upper_code if edns is not None else 0))
        lines = tuple(str(record) for record in records[:_MAX_LINES])
        reply = Reply(code, "", lines, (item.frame,), item.time_ns, item.time_ns, len(wire))
        truncated = bool(flags & _TRUNCATED)
        note = "" if code == "NOERROR" else _WORDS.get(code, "")
        if truncated:
            note = "truncated; to be asked again over TCP"
        elif not whole:
            note = "the answer is malformed" if not item.missing else CUT_OFF_HERE
        elif code == "NOERROR" and not records:
            note = "no such record"
        authenticated = bool(flags & _AUTHENTIC)
        told = (*((note,) if note else ()), *(edns.errors if edns is not None else ()))
        note = "; ".join((*told, AUTHENTICATED) if authenticated else told)
        result = Answer(records, truncated, whole, _number(wire), authenticated, edns, wire)
        key = _number(wire), kind, name.lower()
        waiting = self._open.get(key)
        question = f"{kind} {name}"
        if waiting:
            at = waiting.pop()  # it was asked again because none of those before had been answered
            self._unanswered[kind, name.lower()] -= 1
            waited = self._exchanges[at].result
            result = dataclasses.replace(result, asked=waited.asked) if isinstance(waited, Asked) else result
            self._exchanges[at] = Exchange(Phase.TRANSFER, self._exchanges[at].command, reply, note, result)
            if truncated and not self._stream:
                self._note("answer-truncated", item, question)
            elif not truncated and not whole and not self._holes:
                self._note("malformed-answer", item, question)
            return
        contradicts = self._unanswered[kind, name.lower()] > 0 and not self._holes
        note = note or ("" if contradicts else NOT_ASKED_HERE)
        if not contradicts and len(self._exchanges) < _MAX_EXCHANGES:
            self._early[key] = len(self._exchanges)
        self._add(Exchange(Phase.TRANSFER, None, reply, note, result, unseen=not contradicts))
        if contradicts:
            self._note("answer-with-wrong-id", item, question)

    def _overtook(self, at: int, question: Chunk) -> bool:
        """Whether an answer stands before its question only because a capture has them in no order."""
        reply = self._exchanges[at].reply
        return reply is not None and abs(question.time_ns - reply.time_ns) <= _CLOSE_NS

    def _note(self, code: str, item: Chunk, detail: str) -> None:
        if len(self._remarks) < _MAX_REMARKS:
            self._remarks.append(Remark(code, (item.frame,), detail[:_MAX_DETAIL], 1))
        else:
            self._more.note(code, (item.frame,), detail)

    def _add(self, exchange: Exchange) -> None:
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._exchanges.append(exchange)


_WORDS = {
    "NXDOMAIN": "the name does not exist",
    "SERVFAIL": "the name server failed",
    "REFUSED": "the name server refuses to answer",
    "FORMERR": "the name server did not understand",
    "NOTIMP": "the name server cannot do that",
}


def _is_message(octets: bytes) -> bool:
    """Whether octets that follow a hole are one whole message, length included."""
    return len(octets) >= 2 + HEADER_OCTETS and int.from_bytes(octets[:2], "big") == len(octets) - 2


def _number(wire: bytes) -> int:
    return int.from_bytes(wire[:2], "big")


def _flags(wire: bytes) -> int:
    return int.from_bytes(wire[2:4], "big")


def _question(wire: bytes) -> tuple[str, str]:
    """Type and name of the first question; ``DNS`` and no name where there is none that can be read."""
    import dns.exception
    import dns.name
    import dns.rdatatype

    if not int.from_bytes(wire[4:6], "big"):
        return "DNS", ""
    try:
        name, octets = dns.name.from_wire(wire, HEADER_OCTETS)
        kind, _ = struct.unpack_from(">HH", wire, HEADER_OCTETS + octets)
    except (dns.exception.DNSException, struct.error):
        return "DNS", ""
    return dns.rdatatype.to_text(kind), printable(name.to_text(omit_final_dot=True))


def _answered(wire: bytes) -> tuple[tuple[Record, ...], Edns | None, bool]:
    """The first answers, the OPT record (None for none), and whether every record is there."""
    records: list[Record] = []
    edns: Edns | None = None
    found = 0
    for place in places(wire):
        found += 1
        if place.section == ANSWER and len(records) < _MAX_RECORDS:
            records.append(_record(wire, place))
        elif place.section == ADDITIONAL and place.kind == _OPT:
            edns = _opt_at(wire, place)
    return tuple(records), edns, found == sum(struct.unpack_from(">HHH", wire, 6))


def _opt_of(wire: bytes) -> Edns | None:
    """The OPT record of a question, None for none."""
    if wire[10:12] == b"\0\0":
        return None
    return next((_opt_at(wire, p) for p in places(wire) if p.section == ADDITIONAL and p.kind == _OPT), None)


def _opt_at(wire: bytes, place: Place) -> Edns:
    return read_opt(place.of_class, place.ttl, wire[place.at : place.at + place.length])


def _record(wire: bytes, place: Place) -> Record:
    import dns.exception
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    kind, of_class = dns.rdatatype.RdataType.make(place.kind), dns.rdataclass.RdataClass.make(place.of_class)
    word = dns.rdatatype.to_text(kind)
    try:
        data = dns.rdata.from_wire(of_class, kind, wire, place.at, place.length)
        return Record(word, printable(data.to_text())[:_MAX_TEXT], *_target(data))
    except (dns.exception.DNSException, ValueError, LookupError, ArithmeticError):
        return Record(word, "(unreadable)")


def _target(data: dns.rdata.Rdata) -> tuple[str | None, int]:
    """The host or address that data name, and the preference of an MX."""
    import dns.rdtypes.ANY.CNAME
    import dns.rdtypes.ANY.MX
    import dns.rdtypes.IN.A
    import dns.rdtypes.IN.AAAA

    match data:
        case dns.rdtypes.ANY.MX.MX():
            return _named(data.exchange), data.preference
        case dns.rdtypes.ANY.CNAME.CNAME():
            return _named(data.target), 0
        case dns.rdtypes.IN.A.A() | dns.rdtypes.IN.AAAA.AAAA():
            return data.address, 0
    return None, 0


def _named(name: dns.name.Name) -> str:
    return "" if len(name.labels) == 1 else printable(name.to_text(omit_final_dot=True)).lower()
