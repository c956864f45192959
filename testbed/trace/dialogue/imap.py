"""The IMAP dialogue (RFC 3501, RFC 9051) as pairs of command and tagged reply.

Untagged data counts towards the command it comes before the completion of; a literal's octets are counted and not read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from testbed.protocols.imap import literal_octets, phase_word, response_code, split_command, split_status
from testbed.protocols.text import decoded
from testbed.trace.dialogue.lines import Line, LineBuffer
from testbed.trace.flows import CLIENT
from testbed.trace.model import Command, Exchange, Phase, Reply, Transaction
from testbed.trace.reassembly import Chunk, Gap

_MAX_LINES_KEPT = 20


@dataclass(slots=True)
class _Half:
    """One side: its lines, and what is left of a literal."""

    lines: LineBuffer = field(default_factory=LineBuffer)
    literal: int = 0
    in_literal_line: bool = False  # what follows a literal belongs to the line before it


@dataclass(slots=True)
class _Data:
    """Untagged data since the last completion."""

    lines: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    frames: list[int] = field(default_factory=list)
    octets: int = 0
    first_time: int = 0


class ImapDialogue:
    """Feed it what both sides said; :meth:`finish` gives the exchanges."""

    def __init__(self) -> None:
        self._halves = (_Half(), _Half())
        self._open: dict[str, Command] = {}
        self._greeted = False
        self._data = _Data()
        self._exchanges: list[Exchange] = []
        self._secret = False
        self._last_tag = ""
        self._authenticating = False

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        half = self._halves[item.side]
        if isinstance(item, Gap):
            half.lines.clear()
            half.literal = max(0, half.literal - item.octets)
            return
        if self._secret:
            return
        half.lines.add(item)
        self._read(half, item.side)

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood; IMAP has no transactions of its own."""
        for command in self._open.values():
            self._exchanges.append(Exchange(Phase(phase_word(command.verb)), command, None, "no reply"))
        return tuple(self._exchanges), ()

    def _read(self, half: _Half, side: int) -> None:
        while len(half.lines) and not self._secret:
            if half.literal:
                octets, _, _ = half.lines.take(half.literal)
                half.literal -= len(octets)
                if side != CLIENT:
                    self._data.octets += len(octets)
                continue
            line = next(half.lines.lines(), None)
            if line is None:
                return
            continued, half.in_literal_line = half.in_literal_line, False
            literal = literal_octets(line.content)
            if literal is not None:
                half.literal, half.in_literal_line = literal, True
            if not continued:
                (self._client_line if side == CLIENT else self._server_line)(line)

    def _client_line(self, line: Line) -> None:
        if self._authenticating:
            return  # credentials, or DONE after IDLE
        found = split_command(line.content)
        if found is None:
            return
        tag, name, arguments = found
        self._open[tag] = Command(name, arguments, line.frames, line.time_ns, line.octets)
        self._last_tag = tag

    def _server_line(self, line: Line) -> None:
        if line.content.startswith(b"+"):
            waiting = self._open.get(self._last_tag)
            self._authenticating = waiting is not None and waiting.verb in ("AUTHENTICATE", "IDLE")
            return
        status = split_status(line.content)
        if not self._greeted:
            self._greeted = True
            self._complete(Command("connect", "", (), 0, 0), line, status)
        elif status is not None and status[0] in self._open:
            self._authenticating = False
            self._complete(self._open.pop(status[0]), line, status)
        elif status is not None and status[1] == "BYE":
            text = status[2]
            reply = Reply("BYE", "", (text,), line.frames, line.time_ns, line.octets)
            self._exchanges.append(Exchange(Phase.CLOSURE, None, reply, ""))
        else:
            self._untagged(line)

    def _untagged(self, line: Line) -> None:
        data = self._data
        data.first_time = data.first_time or line.time_ns
        data.octets += line.octets
        data.frames += line.frames
        words = decoded(line.content).split(" ")
        kind = next((w for w in words[1:3] if not w.isdigit()), "data")
        data.kinds[kind.upper()[:40]] += 1
        if len(data.lines) < _MAX_LINES_KEPT:
            data.lines.append(decoded(line.content)[2:300])

    def _complete(self, command: Command, line: Line, status: tuple[str, str, str] | None) -> None:
        _, word, text = status or ("", "", decoded(line.content)[:500])
        code, rest = response_code(text)
        data, self._data = self._data, _Data()
        summary = [f"{count} {kind}" for kind, count in data.kinds.items()]
        lines = (f"[{code}] {rest}".strip() if code else rest, *([", ".join(summary)] if summary else []))
        frames = tuple(dict.fromkeys((*data.frames[:1], *line.frames)))
        first = data.first_time or line.time_ns
        reply = Reply(word, "", lines, frames, first, line.octets + data.octets)
        note = {"NO": f"refused: {rest}", "BAD": f"not understood: {rest}", "": "not an IMAP reply"}.get(word, "")
        self._exchanges.append(Exchange(Phase(phase_word(command.verb)), command, reply, note))
        if command.verb == "STARTTLS" and word == "OK":
            self._secret = True
