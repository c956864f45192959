"""What a program of the user's prints, as log entries of the trace."""

from __future__ import annotations

import contextlib
import os

from testbed.hosts.site import Log
from testbed.protocols import events
from testbed.protocols.text import decoded

MAX_LINE = 1_000  # octets
_PIECE = 65_536
_PIECES = 64  # at a time, so that a program that never falls silent does not stop the lab


class ProgramOutput:
    """Logs a program's output, a line at a time; what is too long or too much is left out, and that is logged."""

    def __init__(self, log: Log, max_lines: int) -> None:
        self.last = ""
        self.octets = 0
        self._log = log
        self._max_lines = max_lines
        self._rest = b""
        self._lines = 0
        self._left_out = 0

    def read(self, pipe: int) -> None:
        """Take what the pipe has, which does not block; some of it, when it has very much."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_PIECES):
                piece = os.read(pipe, _PIECE)
                if not piece:
                    return
                self.octets += len(piece)
                if self._lines > self._max_lines:
                    self._left_out += len(self._rest) + len(piece)
                    self._rest = b""
                    continue
                *lines, self._rest = (self._rest + piece).split(b"\n")
                for line in lines:
                    self._say(line)
                if len(self._rest) > MAX_LINE:
                    self._left_out += len(self._rest) - MAX_LINE - 1
                    self._rest = self._rest[: MAX_LINE + 1]

    def end(self) -> None:
        """No more comes."""
        if self._rest:
            self._say(self._rest)
            self._rest = b""
        if self._left_out:
            self._log(events.Said(octets=self._left_out), f"(and {self._left_out} octets more, left out)")
            self._left_out = 0

    def _say(self, line: bytes) -> None:
        self._lines += 1
        if self._lines > self._max_lines:
            self._left_out += len(line) + 1
            return
        self._left_out += max(0, len(line) - MAX_LINE)
        text = decoded(line[:MAX_LINE].removesuffix(b"\r"))
        self.last = text or self.last
        self._log(events.Said(text=text), text)
