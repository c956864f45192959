"""Lines of ManageSieve with the literals in them (RFC 5804 §4): one command, response or piece of data each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from testbed.protocols.imap import literal_octets
from testbed.trace.services.lines import UNPLACED, LineBuffer, Place
from testbed.trace.tcp.reassembly import Chunk

_MOST_KEPT = 4_096  # octets of a literal
_MOST_LITERALS, _MOST_WORDS = 10, 40
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"?|([()])|([^\s"()]+)', re.S)
_ESCAPED = re.compile(rb"\\(.)", re.S)
_LITERAL = re.compile(rb"\{\d{1,18}\+?\}\Z")


class Word(Struct, frozen=True):
    """A word of a line: an atom, a parenthesis, or a string, whose ``size`` may be more than what is kept of it."""

    octets: bytes
    is_string: bool = False
    size: int = 0


@dataclass(slots=True)
class _Literal:
    size: int
    kept: bytearray = field(default_factory=bytearray)


class Unit(Struct, frozen=True):
    """A line, ``octets`` long with its literals and line ends.

    ``frames`` are the first and the last, ``begun_ns`` and ``time_ns`` the times of its first line and its last octet.
    ``torn`` tells that it is not all in the capture.
    """

    words: tuple[Word, ...]
    frames: tuple[int, ...]
    begun_ns: int
    time_ns: int
    octets: int
    place: Place = UNPLACED
    torn: bool = False


class UnitReader:
    """Takes the octets of one side and gives units."""

    def __init__(self) -> None:
        self._lines = LineBuffer()
        self._left = 0  # octets of a literal to come
        self.forget()

    def forget(self) -> None:
        """Throw away what has begun."""
        self._lines.clear()
        self._left = 0
        self._begin()

    def _begin(self) -> None:
        self._parts: list[bytes | _Literal] = []
        self._frames: tuple[int, ...] = ()
        self._begun_ns = self._time_ns = self._octets = 0
        self._begin_at: int | None = None
        self._torn = False

    def add(self, chunk: Chunk) -> None:
        """The next octets."""
        self._lines.add(chunk)

    def hole(self, octets: int) -> bool:
        """Octets are missing: a literal goes on behind them, a line does not.  Tells whether one does."""
        if octets > self._left or not self._left:
            self.forget()
            return False
        self._left -= octets
        self._torn = True
        return True

    def units(self) -> Iterator[Unit]:
        """Take out the whole units, one at a time."""
        while len(self._lines):
            if self._left:
                self._read_literal()
                continue
            line = self._lines.line()
            if line is None:
                return
            self._count(line.frames, line.time_ns, line.octets)
            self._add_text(line.content)
            if not self._left and (not self._parts or literal_octets(line.content) is None):
                yield self._unit()

    def rest(self) -> Unit | None:
        """What has begun when the connection has ended."""
        line = self._lines.rest()
        if line is not None:
            self._count(line.frames, line.time_ns, line.octets)
            self._add_text(line.content)
        return self._unit() if self._octets else None

    def _add_text(self, text: bytes) -> None:
        literal = literal_octets(text)
        full = sum(isinstance(part, _Literal) for part in self._parts) >= _MOST_LITERALS
        if not full:
            self._parts.append(_LITERAL.sub(b"", text) if literal is not None else text)
        if literal is not None:
            self._left = literal
            if not full:
                self._parts.append(_Literal(literal))

    def _read_literal(self) -> None:
        octets, frames, time_ns = self._lines.take(self._left)
        self._left -= len(octets)
        self._count(frames, time_ns, len(octets))
        last = self._parts[-1]
        if isinstance(last, _Literal):
            last.kept += octets[: _MOST_KEPT - len(last.kept)]

    def _count(self, frames: tuple[int, ...], time_ns: int, octets: int) -> None:
        self._frames = tuple(dict.fromkeys((*self._frames[:1], *frames[:1], *frames[-1:])))
        self._frames = tuple(dict.fromkeys((self._frames[0], self._frames[-1])))
        self._begun_ns, self._time_ns = self._begun_ns or time_ns, time_ns
        self._begin_at = self._lines.place.begin if not self._octets else self._begin_at
        self._octets += octets

    def _unit(self) -> Unit:
        last = self._lines.place
        place = Place(self._begin_at, last.end, last.heard)
        words = tuple(self._words())
        unit = Unit(words, self._frames, self._begun_ns, self._time_ns, self._octets, place, self._torn)
        self._begin()
        return unit

    def _words(self) -> Iterator[Word]:
        count = 0
        for part in self._parts:
            if isinstance(part, _Literal):
                yield Word(bytes(part.kept), is_string=True, size=part.size)
                continue
            for found in _WORD.finditer(part):
                quoted, parenthesis, atom = found.groups()
                count += 1
                if count > _MOST_WORDS:
                    return
                if quoted is not None:
                    text = _ESCAPED.sub(rb"\1", quoted)
                    yield Word(text, is_string=True, size=len(text))
                else:
                    yield Word(parenthesis or atom)
