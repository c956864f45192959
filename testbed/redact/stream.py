"""One TCP connection: what both sides said, replaced; and which octets of it each of its segments carried."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from testbed.protocols.tcp import distance
from testbed.redact.dialogues.dialogue import CLIENT, SERVER, Dialogue, Tools
from testbed.redact.dialogues.table import dialogue_of
from testbed.redact.dns import DnsMessages
from testbed.redact.opening import opening
from testbed.redact.tls import TlsHandshakes
from testbed.trace.services.table import name_spoken, service_of
from testbed.trace.tcp.proxied import ProxyWatch
from testbed.trace.tcp.reassembly import Chunk, Gap
from testbed.trace.tls.records import RecordReader, TlsRecord

_MOST_LINE = 1 << 16
_HEADS = 8_192  # octets of both sides that are looked at for what stands before a dialogue
_ALIKE = 2  # one of so many octets that is the stream's shows that a segment is a damaged copy
_FEW = 4  # octets that were damaged
_OTHERS = re.compile(rb"\0+")
_KEPT_OF_RECORD = 11  # octets by which the beginning of TLS is known


@dataclass(slots=True)
class _Span:
    """So many octets, the first with this sequence number, stand at a place of what a side said."""

    begin: int
    at: int
    octets: int


class _Side:
    def __init__(self, tools: Tools) -> None:
        self.said = bytearray()
        self.new = bytearray()
        self.spans: list[_Span] = []
        self.gaps: list[int] = []  # places behind which something is missing
        self.line = bytearray()
        self.skip = b""  # what stands in the place of the opening
        self.handshakes = TlsHandshakes(tools.texts, tools.filler)


class Redaction:
    """What both sides of a connection say instead: feed it everything, finish, then ask for segments."""

    def __init__(self, items: Iterable[Chunk | Gap], port: int, tools: Tools) -> None:
        self._tools = tools
        self._sides = (_Side(tools), _Side(tools))
        held = list(items)
        heads = _heads(held)
        self._service = _service(held, port, heads)
        self._sides[CLIENT].skip, self._sides[SERVER].skip = opening(*heads, tools)
        self._dialogue = self._new_dialogue()
        records = RecordReader()
        for item in held:
            self._note(item)
            for part in self._without_opening(item):
                for piece in records.feed(part):
                    self._take(piece)
                if isinstance(part, Gap):
                    self._close(part)
        for rest in records.finish():
            self._take(rest)
        self._finish()

    def segment(self, side: int, sequence: int, octets: bytes) -> bytes:
        """What stands for the octets of a segment; of one that says something else than the stream, what fits it."""
        mine = self._sides[side]
        new, known = bytearray(octets), bytearray(len(octets))
        for span in _overlapping(mine.spans, sequence, len(octets)):
            start = distance(span.begin, sequence)
            first, last = max(0, start), min(len(octets), start + span.octets)
            at = span.at + first - start
            old = mine.said[at : at + last - first]
            new[first:last] = mine.new[at : at + last - first]
            known[first:last] = bytes(a == b for a, b in zip(old, octets[first:last], strict=True))
        if sum(known) * _ALIKE < len(octets):
            return self._alone(side, octets)
        for other in _OTHERS.finditer(known):
            strange = octets[other.start() : other.end()]
            few = len(strange) <= _FEW
            new[other.start() : other.end()] = self._tools.filler.line(strange) if few else self._alone(side, strange)
        return bytes(new)

    def _new_dialogue(self) -> Dialogue:
        return dialogue_of(self._service, self._tools)

    def _note(self, item: Chunk | Gap) -> None:
        side = self._sides[item.side]
        if isinstance(item, Gap):
            side.gaps.append(len(side.said))
            return
        if item.begin is not None:
            side.spans.append(_Span(item.begin, len(side.said), len(item.octets)))
        side.said += item.octets

    def _without_opening(self, item: Chunk | Gap) -> Iterable[Chunk | Gap]:
        side = self._sides[item.side]
        if isinstance(item, Gap) or not side.skip:
            return (item,)
        taken = min(len(side.skip), len(item.octets))
        side.new += side.skip[:taken]
        side.skip = side.skip[taken:]
        rest = item.octets[taken:]
        return (Chunk(item.side, rest, item.frame, item.time_ns),) if rest else ()

    def _take(self, piece: Chunk | Gap | TlsRecord) -> None:
        side = self._sides[piece.side]
        if isinstance(piece, Gap):
            return
        if isinstance(piece, TlsRecord):
            self._flush(piece.side)
            side.handshakes.record(piece.octets, len(side.new))
            side.new += piece.octets
            return
        side.line += piece.octets
        self._lines(piece.side)

    def _lines(self, number: int) -> None:
        side = self._sides[number]
        while side.line:
            room = self._dialogue.room(number)
            end = side.line.find(b"\n") + 1
            if room is not None and (not end or end > room):
                if len(side.line) < room and not end and len(side.line) < _MOST_LINE:
                    return
                end = min(room, len(side.line))
            elif not end:
                if len(side.line) < _MOST_LINE:
                    return
                end = _MOST_LINE
            self._say(number, end)

    def _say(self, number: int, octets: int) -> None:
        side = self._sides[number]
        line = bytes(side.line[:octets])
        del side.line[:octets]
        new = self._dialogue.line(number, line)
        side.new += new if len(new) == len(line) else self._tools.filler.octets(line)
        for back, better in self._dialogue.corrections:
            at = len(side.new) - back
            side.new[at : at + len(better)] = better
        self._dialogue.corrections.clear()

    def _flush(self, number: int) -> None:
        while self._sides[number].line:
            room = self._dialogue.room(number) or len(self._sides[number].line)
            self._say(number, min(room, len(self._sides[number].line)))

    def _close(self, gap: Gap) -> None:
        """Nothing of what came before the gap waits any longer."""
        self._flush(gap.side)
        self._fill_up(gap.side)
        self._dialogue.gap(gap.side, gap.octets)

    def _fill_up(self, number: int) -> None:
        """What the reader of records has kept to itself: a record that is not whole, or what it could not cut."""
        side = self._sides[number]
        rest = bytes(side.said[len(side.new) :])
        if rest:
            kept = _KEPT_OF_RECORD if rest[:1] in (b"\x14", b"\x15", b"\x16", b"\x17") else 0
            side.new += rest[:kept] + self._tools.filler.octets(rest[kept:])

    def _finish(self) -> None:
        for number, side in enumerate(self._sides):
            self._flush(number)
            self._fill_up(number)
            side.handshakes.finish(side.new)
            if self._service == "dns":
                side.new = self._framed(side)

    def _framed(self, side: _Side) -> bytearray:
        """DNS over TCP: each message behind its length (RFC 1035 §4.2.2), up to the first gap."""
        dns, at = DnsMessages(self._tools.texts, self._tools.filler), 0
        new = bytearray(self._tools.filler.octets(bytes(side.said)))
        end = next((place for place in side.gaps if place), len(side.said))
        while at + 2 <= end:
            length = int.from_bytes(side.said[at : at + 2], "big")
            stop = min(at + 2 + length, end)
            new[at : at + 2] = side.said[at : at + 2]
            new[at + 2 : stop] = dns.message(bytes(side.said[at + 2 : stop]))
            at = stop
        return new

    def _alone(self, side: int, octets: bytes) -> bytes:
        """A segment that is no part of the stream."""
        dialogue = self._new_dialogue()
        new = b"".join(dialogue.line(side, line) for line in octets.splitlines(keepends=True))
        return new if len(new) == len(octets) else self._tools.filler.octets(octets)


def _heads(items: Iterable[Chunk | Gap]) -> tuple[bytes, bytes]:
    heads = (bytearray(), bytearray())
    for item in items:
        if isinstance(item, Gap):
            if item.octets:
                break
            continue
        heads[item.side].extend(item.octets[:_HEADS])
        if sum(map(len, heads)) > _HEADS:
            break
    return bytes(heads[0]), bytes(heads[1])


def _service(items: list[Chunk | Gap], port: int, heads: tuple[bytes, bytes]) -> str:
    """The first name of what is spoken, ``""`` for what is not followed."""
    watch = ProxyWatch()
    behind = _heads(watch.over(items))
    name = name_spoken(watch.port or port, behind[0][:64], behind[1][:64], opened=False)
    names = service_of(name).names
    return names[0] if names else ""


def _overlapping(spans: list[_Span], sequence: int, octets: int) -> Iterable[_Span]:
    """The spans of a side that a segment overlaps; they stand in the order of their sequence numbers."""
    if not spans:
        return []
    base = spans[0].begin
    start = distance(sequence, base)
    key: Callable[[_Span], int] = lambda span: distance(span.begin, base)  # noqa: E731
    first = max(0, bisect_right(spans, start, key=key) - 1)
    found = []
    for span in spans[first:]:
        begin = distance(span.begin, base)
        if begin >= start + octets:
            break
        if begin + span.octets > start:
            found.append(span)
    return found
