"""A dialogue of lines, as each of the protocols of mailhost.py has it."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator


class Session(socketserver.StreamRequestHandler):
    """One client's dialogue."""

    greeting = ""

    def handle(self) -> None:
        """Take commands until the client goes."""
        self.say(self.greeting)
        self.begin()
        for line in self.lines():
            if not self.command(line.decode("latin-1").rstrip("\r\n")):
                return

    def begin(self) -> None:
        """Forget everybody else."""

    def command(self, line: str) -> bool:
        """Do what is asked for; False when it was the last."""
        raise NotImplementedError

    def lines(self) -> Iterator[bytes]:
        """What the client says."""
        while line := self.rfile.readline():
            yield line

    def say(self, reply: str) -> None:
        """Answer."""
        self.wfile.write(reply.encode() + b"\r\n")
