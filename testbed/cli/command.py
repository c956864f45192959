"""The user's command, for which a lab is held open: it starts when the lab is open, and its exit code is ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from testbed.cli import SIGNALLED
from testbed.errors import reason

CANNOT_RUN, NOT_FOUND = 126, 127  # as shells have it


class Command:
    """``code`` is what it has ended with; until it is started, that there is no such program."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.code = NOT_FOUND
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, start: Callable[[Sequence[str]], subprocess.Popen[bytes]]) -> int:
        """Start it, and give the number of its process; 0 when it cannot be run, which is said."""
        try:
            self._process = start(self.words)
        except OSError as error:
            print(f"error: {self.words[0]} cannot be run: {reason(error)}", file=sys.stderr)
            self.code = NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
            return 0
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether it is over: it has ended, or there was nothing to run."""
        code = self._process.poll() if self._process is not None else self.code
        if code is None:
            return False
        self.code = code if code >= 0 else SIGNALLED - code
        return True
