"""Octets of one side cut into lines, each with the frames it came in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from testbed.trace.reassembly import Chunk

_MAX_LINE = 65_536


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end.  ``octets`` counts the end too; ``time_ns`` is that of its last packet."""

    content: bytes
    frames: tuple[int, ...]
    time_ns: int
    octets: int


class LineBuffer:
    """Holds what is not yet a whole line; one that never ends is cut at 64 KiB."""

    def __init__(self) -> None:
        self._parts = bytearray()
        self._frames: list[int] = []
        self._time = 0

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, chunk: Chunk) -> None:
        """Append octets."""
        self._parts += chunk.octets
        if not self._frames or self._frames[-1] != chunk.frame:
            self._frames.append(chunk.frame)
        self._time = chunk.time_ns

    def lines(self) -> Iterator[Line]:
        """Take out the whole lines, one at a time: the caller may change its mind about the rest in between."""
        while self._parts:
            end = self._parts.find(b"\n")
            if end < 0 and len(self._parts) < _MAX_LINE:
                return
            yield self._take(end + 1 if end >= 0 else len(self._parts))

    def take(self, most: int) -> tuple[bytes, tuple[int, ...], int]:
        """Take out up to ``most`` octets as they are, with their frames and time."""
        octets = bytes(self._parts[:most])
        del self._parts[:most]
        frames = tuple(self._frames)
        self._forget_frames()
        return octets, frames, self._time

    def rest(self) -> Line | None:
        """What is left without a line end, when the connection has ended."""
        return self._take(len(self._parts)) if self._parts else None

    def clear(self) -> None:
        """Throw everything away."""
        self._parts.clear()
        self._frames.clear()

    def _take(self, octets: int) -> Line:
        content = bytes(self._parts[:octets])
        del self._parts[:octets]
        line = Line(content.rstrip(b"\r\n"), tuple(self._frames), self._time, octets)
        self._forget_frames()
        return line

    def _forget_frames(self) -> None:
        self._frames = self._frames[-1:] if self._parts else []
