"""Octets of one side cut into lines, each with the frames it came in."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import Struct

from testbed.protocols.text import decoded
from testbed.trace.tcp.reassembly import Chunk

_MAX_LINE = 65_536
# Lines of message text with nothing to remark on: CRLF only, not too long, no dot first.
_PLAIN_LINES = re.compile(rb"(?:(?:[^.\r\n][^\r\n]{0,997})?\r\n){1,4096}")


class Place(Struct, frozen=True):
    """Where something was said, in sequence numbers; None where nobody knows.

    ``begin`` is that of its first octet, ``end`` the one behind its last.  ``heard`` is what its speaker had
    acknowledged of the other side's: what came behind that, it did not know.
    """

    begin: int | None = None
    end: int | None = None
    heard: int | None = None


UNPLACED = Place()


class Line(Struct, frozen=True):
    """A line without its end.  ``octets`` counts the end too; ``time_ns`` is that of its last packet.

    ``raw`` are the octets as they were sent.  A line cut at 64 KiB, or by the end of the connection, has no line end
    there.  ``place`` is where it stands among what both sides said.
    """

    content: bytes
    frames: tuple[int, ...]
    time_ns: int
    octets: int
    raw: bytes
    place: Place = UNPLACED


@dataclass(slots=True)
class _Mark:
    """So many of the octets held came in this frame."""

    octets: int
    frame: int
    time_ns: int
    end: int | None
    heard: int | None


class LineBuffer:
    """Holds what is not yet a whole line; one that never ends is cut at 64 KiB."""

    def __init__(self) -> None:
        self._parts = bytearray()
        self._marks: deque[_Mark] = deque()
        self._searched = 0  # octets known to hold no line end
        self.place = UNPLACED  # of what was taken out last

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, chunk: Chunk) -> None:
        """Append octets."""
        self._parts += chunk.octets
        last = self._marks[-1] if self._marks else None
        end = None if chunk.begin is None else (chunk.begin + len(chunk.octets)) & 0xFFFFFFFF
        if last is not None and last.frame == chunk.frame:
            last.octets += len(chunk.octets)
            last.time_ns, last.end = chunk.time_ns, end
        elif chunk.octets:
            self._marks.append(_Mark(len(chunk.octets), chunk.frame, chunk.time_ns, end, chunk.heard))

    @property
    def heard(self) -> int | None:
        """What the speaker of the last octets had acknowledged."""
        return self._marks[-1].heard if self._marks else None

    def line(self) -> Line | None:
        """Take out the next whole line, None while there is none."""
        end = self._parts.find(b"\n", self._searched)
        if end >= 0:
            return self._line(min(end + 1, _MAX_LINE))
        if len(self._parts) >= _MAX_LINE:
            return self._line(_MAX_LINE)
        self._searched = len(self._parts)
        return None

    def plain_lines(self) -> Line | None:
        """Take out the ordinary lines that come next, as one; None where the next line is not ordinary or not whole."""
        found = _PLAIN_LINES.match(self._parts)
        if found is None:
            return None
        raw, frames, time = self.take(found.end())
        return Line(raw, frames, time, len(raw), raw, self.place)

    def lines(self) -> Iterator[Line]:
        """Take out the whole lines, one at a time: the caller may change its mind about the rest in between."""
        while (line := self.line()) is not None:
            yield line

    def take(self, most: int) -> tuple[bytes, tuple[int, ...], int]:
        """Take out up to ``most`` octets as they are, with their frames and time."""
        octets = bytes(self._parts[:most])
        del self._parts[:most]
        self._searched = 0
        return octets, *self._pass_marks(len(octets))

    def put_back(self, lines: list[Line]) -> None:
        """Lines taken out a moment ago were not for the taker: they come first again."""
        self._parts[:0] = b"".join(line.raw for line in lines)
        for line in reversed(lines):
            self._marks.appendleft(_Mark(line.octets, line.frames[-1], line.time_ns, line.place.end, line.place.heard))
        self._searched = 0

    def starts_with(self, prefix: bytes) -> bool:
        """Whether the octets held begin with these."""
        return self._parts.startswith(prefix)

    def begins(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether the octets held begin with what the pattern matches."""
        return pattern.match(self._parts) is not None

    def frames(self) -> tuple[int, ...]:
        """The frames of the octets held."""
        return tuple(dict.fromkeys(mark.frame for mark in self._marks))

    def preview(self) -> str:
        """The beginning of the octets held, safe to show."""
        return decoded(bytes(self._parts[:60]).partition(b"\n")[0].rstrip())

    def rest(self) -> Line | None:
        """What is left without a line end, when the connection has ended."""
        return self._line(len(self._parts)) if self._parts else None

    def clear(self) -> None:
        """Throw everything away."""
        self._parts.clear()
        self._marks.clear()
        self._searched = 0

    def _line(self, octets: int) -> Line:
        if octets == _MAX_LINE and self._parts[octets - 1] == 0x0D:
            octets -= 1  # a line end is never cut in two
        raw, frames, time = self.take(octets)
        return Line(raw.rstrip(b"\r\n"), frames, time, octets, raw, self.place)

    def _pass_marks(self, octets: int) -> tuple[tuple[int, ...], int]:
        frames: list[int] = []
        time, taken, mark = 0, octets, None
        while octets > 0:
            mark = self._marks[0]
            if not frames or frames[-1] != mark.frame:
                frames.append(mark.frame)
            time = mark.time_ns
            if mark.octets > octets:
                mark.octets -= octets
                break
            octets -= mark.octets
            mark.octets = 0
            self._marks.popleft()
        if mark is not None and mark.end is not None:
            end = (mark.end - mark.octets) & 0xFFFFFFFF
            self.place = Place((end - taken) & 0xFFFFFFFF, end, mark.heard)
        else:
            self.place = UNPLACED
        return tuple(frames if len(frames) < 2 else sorted(set(frames))), time
