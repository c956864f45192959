"""The chunks of BDAT (RFC 3030 §2): as many octets as the command says, whatever they are."""

from __future__ import annotations

import re

from testbed.trace.model.exchange import Command
from testbed.trace.services.letters import LetterReader
from testbed.trace.services.lines import LineBuffer
from testbed.trace.services.messages import MessageKeeper
from testbed.trace.services.smtp.transactions import ends_message
from testbed.trace.tcp.reassembly import Gap

_MAX_DIGITS = 18
# What no message begins with, but a client does whose chunk was refused before it had sent any of it.
_NEXT_COMMAND = re.compile(rb"(?:MAIL FROM:|(?:EHLO|HELO|LHLO|BDAT) |(?:RSET|DATA|QUIT|NOOP)[ \t]*\r?\n)", re.I)


def chunk_octets(command: Command) -> int | None:
    """How many octets follow a BDAT, None when it does not say (and a server refuses it)."""
    size, *rest = command.argument.split(" ")
    if [word.upper() for word in rest if word] not in ([], ["LAST"]):
        return None
    return int(size) if size.isascii() and size.isdigit() and len(size) <= _MAX_DIGITS else None


class ChunkReader:
    """Reads one chunk.  ``refused`` tells that the server has replied before its end."""

    def __init__(self, command: Command, octets: int, head: LetterReader, keeper: MessageKeeper) -> None:
        self.command = command
        self.left = octets
        self.refused = False
        self._head = head
        self._keeper = keeper
        self._begun = False
        if not keeper.keeps:
            keeper.begin("BDAT")
        keeper.add(b"", command.frames)

    def given_up(self, client: LineBuffer) -> bool:
        """Whether the client goes on with a command, as nothing of the chunk was wanted."""
        return self.refused and not self._begun and client.begins(_NEXT_COMMAND)

    def read(self, client: LineBuffer) -> Command | None:
        """Take what there is of it.  Gives the command with all its frames when that was the rest."""
        octets, frames, time = client.take(self.left)
        self._begun = True
        self._head.add(octets)
        self._keeper.add(octets, frames)
        self.left -= len(octets)
        return self.ended(frames, time) if not self.left else None

    def hole(self, gap: Gap) -> Command | None:
        """Octets are missing."""
        self._begun = True
        self._keeper.hole(min(gap.octets, self.left))
        self._head.hole()
        self.left = max(0, self.left - gap.octets)
        return self.ended((gap.frame,), gap.time_ns) if not self.left else None

    def ended(self, frames: tuple[int, ...], time_ns: int) -> Command:
        """The command whose last octets came in these frames."""
        command = self.command
        if ends_message(command):
            self._keeper.end(complete=True)
        return Command(
            "BDAT",
            command.argument,
            tuple(dict.fromkeys((*command.frames[:1], *frames[-1:]))),
            time_ns,
            command.octets,
        )
