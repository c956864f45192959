"""Long reports on a terminal, a screen at a time: by the user's ``PAGER``, or ``less``."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TextIO, cast

_DEFAULT = "less"
_LESS = "FRX"  # end where all fits, keep colours, leave on the screen what was shown (as git has it)
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


class PagerLeft(Exception):
    """Whoever read has seen enough."""


class Paged:
    """Stands in for standard output on a terminal; what fits on its screen is printed, more goes to the pager."""

    def __init__(self, stream: TextIO, command: list[str]) -> None:
        self._stream = stream
        self._command = command
        self._size = os.get_terminal_size(stream.fileno())
        self._rows = 0
        self._held: list[str] = []
        self._pager: subprocess.Popen[bytes] | None = None
        self.encoding = stream.encoding

    @property
    def overflows(self) -> bool:
        """Whether more was written than there is room for on the screen."""
        return self._rows >= self._size.lines

    def isatty(self) -> bool:
        """What it stands for is a terminal."""
        return True

    def fileno(self) -> int:
        """That of the terminal."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Print, hold back or hand on.  Raises PagerLeft where nobody reads any more."""
        for line in text.split("\n")[:-1]:
            self._rows += 1 + max(0, len(_COLOURS.sub("", line)) - 1) // max(1, self._size.columns)
        if not self._command:
            return self._stream.write(text)
        self._held.append(text)
        if self._pager is None and self.overflows:
            self._pager = self._begun()
        if self._pager is not None:
            self._hand_on()
        return len(text)

    def flush(self) -> None:
        """Flush what is not held back."""
        if not self._command:
            self._stream.flush()

    def end(self) -> None:
        """Print what fits, or wait until the pager is left."""
        if self._pager is None:
            self._stream.write("".join(self._held))
            self._held.clear()
            self._stream.flush()
            return
        assert self._pager.stdin is not None
        with contextlib.suppress(OSError):
            self._pager.stdin.close()
        self._pager.wait()

    def _begun(self) -> subprocess.Popen[bytes] | None:
        """The pager; from now on Ctrl-C is its business.  None where it cannot be had."""
        self._stream.flush()
        environment = {"LESS": _LESS, **os.environ}
        try:
            started = subprocess.Popen(self._command, stdin=subprocess.PIPE, env=environment)
        except OSError:
            self._command = []
            self._stream.write("".join(self._held))
            self._held.clear()
            return None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        return started

    def _hand_on(self) -> None:
        assert self._pager is not None
        assert self._pager.stdin is not None
        octets = "".join(self._held).encode(self.encoding or "utf-8", "backslashreplace")
        self._held.clear()
        try:
            self._pager.stdin.write(octets)
            self._pager.stdin.flush()
        except OSError:
            raise PagerLeft from None


@contextlib.contextmanager
def paged(wanted: bool) -> Iterator[None]:
    """Have a pager show what is printed meanwhile, where that is longer than the screen; elsewhere, nothing changes.

    Whoever leaves it early ends what is printed, and no more.
    """
    stream = sys.stdout
    if not stream.isatty():
        yield
        return
    screen, before = Paged(stream, _command() if wanted else []), signal.getsignal(signal.SIGINT)
    sys.stdout = cast(TextIO, screen)
    try:
        with contextlib.suppress(PagerLeft):
            yield
    finally:
        sys.stdout = stream
        screen.end()
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGINT, before)


def overflows() -> bool:
    """Whether what was printed within :func:`paged` is longer than the terminal's screen."""
    return isinstance(screen := cast(object, sys.stdout), Paged) and screen.overflows


def _command() -> list[str]:
    """The user's pager with its arguments; empty for none."""
    if os.environ.get("TERM") == "dumb":
        return []
    try:
        words = shlex.split(os.environ.get("PAGER", _DEFAULT))
    except ValueError:
        return []
    return words if words and words != ["cat"] and shutil.which(words[0]) else []
