"""The POP3 dialogue (RFC 1939, 2449 CAPA, 2595 STLS, 5034 AUTH) as pairs of command and reply.

A reply is one line, or for some commands, when it is positive, many lines up to a lone dot.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from testbed.protocols.pop3 import is_multi_line, phase_word, split_command
from testbed.protocols.text import decoded
from testbed.trace.dialogue.lines import Line, LineBuffer
from testbed.trace.flows import CLIENT
from testbed.trace.model import Command, Exchange, Phase, Reply, Transaction
from testbed.trace.reassembly import Chunk, Gap

_MAX_LINES_KEPT = 50


@dataclass(slots=True)
class _Pending:
    """A reply of many lines on its way."""

    first: Line
    lines: list[str] = field(default_factory=list)
    count: int = 0
    octets: int = 0
    last_frame: int = 0


class Pop3Dialogue:
    """Feed it what both sides said; :meth:`finish` gives the exchanges."""

    def __init__(self) -> None:
        self._client = LineBuffer()
        self._server = LineBuffer()
        self._waiting: deque[Command] = deque([Command("connect", "", (), 0, 0)])
        self._exchanges: list[Exchange] = []
        self._listing: _Pending | None = None
        self._secret = False
        self._credentials = 0

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        buffer = self._client if item.side == CLIENT else self._server
        if isinstance(item, Gap):
            buffer.clear()
            return
        if self._secret:
            return
        buffer.add(item)
        for line in buffer.lines():
            (self._command if item.side == CLIENT else self._server_line)(line)
            if self._secret:
                buffer.clear()

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood; POP3 has no transactions of its own."""
        if self._listing is not None:
            self._answered(self._listing, "the listing is cut off")
        for command in self._waiting:
            if command.frames:
                self._exchanges.append(Exchange(_phase(command), command, None, "no reply"))
        return tuple(self._exchanges), ()

    def _command(self, line: Line) -> None:
        if self._credentials:
            self._credentials -= 1
            verb, argument = "AUTH", "********"
        else:
            verb, argument = split_command(line.content)
        self._waiting.append(Command(verb, argument, line.frames, line.time_ns, line.octets))

    def _server_line(self, line: Line) -> None:
        if self._listing is not None:
            self._listing_line(self._listing, line)
            return
        if line.content.startswith(b"+ ") and self._waiting and self._waiting[0].verb == "AUTH":
            self._credentials += 1
            self._answered(_Pending(line))
            return
        command = self._waiting[0] if self._waiting else None
        pending = _Pending(line, octets=line.octets, last_frame=line.frames[-1])
        if command is not None and line.content.startswith(b"+OK") and is_multi_line(command.verb, command.argument):
            self._listing = pending
        else:
            self._answered(pending)

    def _listing_line(self, listing: _Pending, line: Line) -> None:
        listing.octets += line.octets
        listing.last_frame = line.frames[-1]
        if line.content == b".":
            self._listing = None
            self._answered(listing)
            return
        listing.count += 1
        if listing.count <= _MAX_LINES_KEPT:
            listing.lines.append(decoded(line.content[1:] if line.content.startswith(b".") else line.content))

    def _answered(self, pending: _Pending, note: str = "") -> None:
        status, _, text = decoded(pending.first.content).partition(" ")
        command = self._waiting.popleft() if self._waiting else None
        keep = pending.lines if command is None or command.verb not in ("RETR", "TOP") else []
        summary = [f"{pending.count} lines, {pending.octets} octets"] if pending.count > len(keep) else []
        frames = tuple(dict.fromkeys((*pending.first.frames, pending.last_frame or pending.first.frames[-1])))
        octets = pending.octets or pending.first.octets
        reply = Reply(status, "", (text, *keep, *summary), frames, pending.first.time_ns, octets)
        known = status in ("+OK", "-ERR", "+")
        note = note or ("" if status in ("+OK", "+") else f"refused: {text}" if known else "not a POP3 reply")
        self._exchanges.append(Exchange(_phase(command), command, reply, note))
        if command is not None and command.verb == "STLS" and status == "+OK":
            self._secret = True


def _phase(command: Command | None) -> Phase:
    return Phase(phase_word(command.verb)) if command is not None else Phase.TRANSFER
