"""What an IMAP server says without a tag (RFC 3501 §7.2-7.4), between two completions."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from testbed.protocols.imap import number, sequence_set
from testbed.protocols.text import decoded
from testbed.trace.services.lines import Line
from testbed.trace.services.reading.results import Part, Told

_MAX_KINDS = 100  # of untagged data, counted each for itself
_MOST_FOUND, _FOUND_SHOWN = 100_000, 20  # numbers SEARCH gives
_MOST_TOLD = 100_000
_NUMBERED = frozenset(("EXISTS", "RECENT"))  # untagged data that is one number, and not one of many
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_RESPONSE = re.compile(rb"\* (\d{1,10}) ([A-Z]+)\b ?(.*)", re.I | re.S)
_UID = re.compile(rb"[( ]UID (\d{1,10})", re.I)
_SIZE = re.compile(rb"[( ]RFC822\.SIZE (\d{1,10})", re.I)
_FLAGS = re.compile(rb"[( ]FLAGS \(([^)]*)\)", re.I)
_ENVELOPE = re.compile(rb"[( ]ENVELOPE ", re.I)
_PART = re.compile(
    rb"[( ](?:(?:BODY|BINARY)\[([^\]]*)\](?:<(\d{1,10})>)?|RFC822(\.HEADER|\.TEXT)?) ~?\{(\d{1,10})\}", re.I
)


@dataclass(slots=True)
class UntaggedData:
    """Untagged data since the last completion.

    ``told`` is kept where somebody asked for it; ``holed`` tells that the capture does not hold all of it.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, int] = field(default_factory=dict)  # how many EXIST
    fetched: int = 0
    removed: int = 0
    found: list[int] | None = None
    left_out: bool = False  # some of what was found
    frames: tuple[int, ...] = ()  # the first
    octets: int = 0
    first_time: int = 0
    told: list[Told] = field(default_factory=list)
    holed: bool = False

    def add(self, line: Line) -> None:
        """Take a response, or its beginning up to the first literal."""
        self.first_time = self.first_time or line.time_ns
        self.octets += line.octets
        self.frames = self.frames or line.frames[:1]
        words = decoded(line.content).split(" ")
        kind = next((w for w in words[1:3] if not w.isdigit()), "data")
        kind = kind.upper()[:40]
        if kind in _NUMBERED and (told := number(words[1])) is not None:
            self.numbers[kind] = told
        elif kind == "FETCH":
            self.fetched += 1
        elif kind == "EXPUNGE":
            self.removed += 1
        elif kind == "VANISHED":
            self.removed += len(sequence_set(words[-1], 0) or ())
        elif kind == "SEARCH":
            self._find(words[2:], whole=line.raw.endswith(b"\n"))
        self.kinds[kind if kind in self.kinds or len(self.kinds) < _MAX_KINDS else "OTHER"] += 1

    def tell(self, response: bytes) -> None:
        """Keep a whole response, whose literals are left out behind their numbers of octets."""
        if len(self.told) < _MOST_TOLD:
            self.told.append(_told(response))

    def found_all(self) -> frozenset[int] | None:
        """What SEARCH found, None where nothing was sought, or where some of it is left out."""
        return None if self.found is None or self.left_out or self.holed else frozenset(self.found)

    def summary(self) -> str:
        """What came, in words: ``3 EXISTS, 2 FETCH``; ``""`` where nobody knows what all of it was."""
        if self.holed:
            return ""
        return ", ".join(self._in_words(kind, count) for kind, count in self.kinds.items())

    def _find(self, words: list[str], *, whole: bool) -> None:
        """Take what SEARCH found (RFC 3501 §7.2.5); ``whole`` tells whether the line is."""
        numbers = [found for word in words if (found := number(word)) is not None]
        self.found = self.found or []
        self.left_out = self.left_out or not whole or len(self.found) + len(numbers) > _MOST_FOUND
        self.found += numbers[: _MOST_FOUND - len(self.found)]

    def _in_words(self, kind: str, count: int) -> str:
        if kind != "SEARCH" or self.found is None:
            return f"{self.numbers.get(kind, count)} {kind}"
        more = f" and {len(self.found) - _FOUND_SHOWN} more" if len(self.found) > _FOUND_SHOWN else ""
        return f"SEARCH found {', '.join(map(str, self.found[:_FOUND_SHOWN])) or 'nothing'}{more}"


def _told(response: bytes) -> Told:
    found = _RESPONSE.match(response)
    if found is None:
        kind, _, words = decoded(response.partition(b" ")[2]).partition(" ")
        return Told(kind.upper()[:40], words=words[:500])
    kind, data = found[2].decode().upper(), _QUOTED.sub(b'""', found[3])
    if kind != "FETCH":
        return Told(kind[:40], number=int(found[1]))
    flags = _FLAGS.search(data)
    return Told(
        kind,
        number=int(found[1]),
        uid=_number(_UID.search(data)),
        size=_number(_SIZE.search(data)),
        flags=frozenset(decoded(flags[1]).lower().split()) if flags is not None else None,
        envelope=_ENVELOPE.search(data) is not None,
        parts=tuple(map(_part, _PART.finditer(data))),
    )


def _number(found: re.Match[bytes] | None) -> int | None:
    return int(found[1]) if found is not None else None


def _part(found: re.Match[bytes]) -> Part:
    section, offset, half, octets = found.groups()
    which = decoded(section if section is not None else (half or b"").lstrip(b".")).upper()
    return Part(which, int(offset) if offset is not None else None, int(octets))
