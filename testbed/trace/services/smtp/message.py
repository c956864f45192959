"""Mail data between 354 and the end of data (RFC 5321 §4.1.1.4).

Only CRLF . CRLF ends it.  What a careless server might take for that end is remarked upon and read on over; it counts
as the end when that server says so: by a reply before the true end came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec.structs import replace

from testbed.protocols.text import decoded
from testbed.trace.model.exchange import Command
from testbed.trace.model.remark import Remarks
from testbed.trace.services.letters import LetterReader
from testbed.trace.services.lines import Line
from testbed.trace.services.messages import MessageKeeper
from testbed.trace.tcp.reassembly import Gap

_CRLF = b"\r\n"
_HOLE = b"?"  # in the place of a line end nobody saw
_NAMES = {b"\r\n": "CRLF", b"\n": "LF", b"\r": "CR", b"\r\r\n": "CRCRLF"}
_MAX_TEXT_LINE = 1_000
_MAX_BEHIND = 65_536
_FALSE_END_AT_START = re.compile(rb"(?:\A|\r)\.(?=(\r\r?\n|\n|\r(?!\Z)))")
_FALSE_END_INSIDE = re.compile(rb"\r\.(?=(\r\r?\n|\n|\r(?!\Z)))")
_SMUGGLED = re.compile(rb"(?:MAIL FROM:|RCPT TO:|(?:EHLO|HELO|LHLO|BDAT) |(?:RSET|DATA)[ \t]*[\r\n])", re.I)


@dataclass(slots=True)
class FalseEnd:
    """A place where a careless server might see the end.

    ``command`` is the message up to there, ``kept`` its octets as a server has them.  ``behind`` is what came after it,
    None when too much.  ``alien`` tells that the client ends its lines in another way.
    """

    name: str  # "LF.LF"
    command: Command
    kept: int
    behind: list[Line] | None
    behind_octets: int
    alien: bool


class MessageReader:
    """Reads one message.  Whoever has it read ends it in the keeper, too, once it is known where it ended."""

    def __init__(self, head: LetterReader, keeper: MessageKeeper, remarks: Remarks) -> None:
        self._head = head
        self._keeper = keeper
        self._remarks = remarks
        self._octets = 0
        self._first: int | None = None
        self._last = 0
        self._time = 0
        self._before = _CRLF  # the line end before the next line, b"" inside a line
        self._holed = False
        self._ends_crlf = False  # a line before this one did
        self._false_end: FalseEnd | None = None
        self._suspect: FalseEnd | None = None  # the next line may turn it into smuggling
        self._hides_commands = False  # behind the false end
        self.suspicions = Remarks()  # what a careless server may have done, unless one is seen to have done it
        keeper.begin("DATA")

    def line(self, line: Line) -> Command | None:
        """The next line.  Gives the pseudo-command when it is the end of data."""
        self._measure(line)
        raw, before = line.raw, self._before
        if raw == b".\r\n" and before == _CRLF:
            return self._finish(line)
        self._judge(line, before)
        self._before = _CRLF if raw.endswith(_CRLF) else raw[-1:] if raw.endswith(b"\n") else b""
        text = raw[1:] if before == _CRLF and raw.startswith(b".") else raw
        self._head.add(text)
        self._keeper.add(text, line.frames)
        if raw.startswith(b".") or b"\r." in raw:
            self._look_for_false_end(line, before)
        self._ends_crlf = self._ends_crlf or self._before == _CRLF
        return None

    @property
    def holed(self) -> bool:
        """Whether a part of it is missing."""
        return self._holed

    @property
    def calm(self) -> bool:
        """Whether :meth:`plain` may be given the next lines: nothing before them bears on what they are."""
        unwatched = self._false_end is None or self._false_end.behind is None
        return self._before == _CRLF and self._suspect is None and unwatched

    def plain(self, lines: Line) -> None:
        """Whole lines with nothing to remark on."""
        self._measure(lines)
        self._ends_crlf = True
        self._head.add(lines.raw)
        self._keeper.add(lines.raw, lines.frames)

    def hole(self, gap: Gap, rest: Line | None) -> None:
        """Octets are missing; ``rest`` is the piece of a line before them."""
        if rest is not None:
            self.line(rest)
        self._octets += gap.octets
        self._keeper.hole(gap.octets)
        self._head.hole()
        self._holed, self._before, self._suspect = True, _HOLE, None

    @property
    def doubtful_end(self) -> FalseEnd | None:
        """Where the message may have ended for the server: commands are hidden behind it, and all are known."""
        end = self._false_end
        return end if end is not None and self._hides_commands and end.behind is not None and not self._holed else None

    def answered(self, code: str, *, again: bool = True) -> Command | FalseEnd | None:
        """The server replied before the end of data.

        Gives the false end that the server took for the end, as the reply shows, or the message where its end is lost;
        None when the server only could not wait.  ``again`` tells whether what was said behind it may be read a second
        time: a client that sends nothing but false ends would have all of it read anew for each of them.
        """
        false_end = self._false_end
        if code == "421" or code[:1] not in ("2", "4", "5"):
            return None
        if again and false_end and false_end.behind is not None and (code[0] == "2" or not false_end.behind):
            return false_end
        if self._holed:
            self._keeper.end(complete=False)
            return self._command()
        return None

    def abandon(self) -> Command:
        """The connection ended before the message did."""
        self._settle()
        self._keeper.end(complete=False)
        return replace(self._command(), argument="unfinished", whole=False)

    def _finish(self, line: Line) -> Command:
        self._settle()
        self._keeper.add(b"", line.frames)
        if (end := self._false_end) is not None and end.behind is not None:
            end.behind.append(line)
        return self._command()

    def _command(self) -> Command:
        """The pseudo-command; its frames are the first and the last."""
        frames = () if self._first is None else tuple(dict.fromkeys((self._first, self._last)))
        return Command("message", "", frames, self._time, self._octets)

    def _measure(self, line: Line) -> None:
        self._octets += line.octets
        self._first = self._first if self._first is not None else line.frames[0]
        self._last, self._time = line.frames[-1], line.time_ns

    def _judge(self, line: Line, before: bytes) -> None:
        """Remark on what RFC 5321 §2.3.8 and §4.5.3.1.6 do not allow."""
        raw = line.raw
        if line.octets > _MAX_TEXT_LINE + raw.startswith(b"."):
            self._remarks.note("text-line-too-long", line.frames, f"{line.octets} octets")
        if before != _HOLE and raw.endswith(b"\n") and not raw.endswith(_CRLF):
            self._remarks.note("bare-line-feed", line.frames, "mail data")
        if has_bare_return(raw):
            self._remarks.note("bare-carriage-return", line.frames, "mail data")
        if self._suspect is not None:
            self._follow(line, 0)
        false_end = self._false_end
        if false_end is not None and false_end.behind is not None:
            false_end.behind_octets += line.octets
            false_end.behind.append(line)
            if false_end.behind_octets > _MAX_BEHIND:
                false_end.behind = None

    def _look_for_false_end(self, line: Line, before: bytes) -> None:
        raw = line.raw
        for found in (_FALSE_END_AT_START if before else _FALSE_END_INSIDE).finditer(raw):
            inside = raw[found.start()] == 0x0D
            start, end = b"\r" if inside else before, found.end() + len(found.group(1))
            name = f"{_NAMES[start]}.{_NAMES[found.group(1)]}" if start != _HOLE else ""
            text = len(raw) - (before == _CRLF and raw.startswith(b"."))  # without a stuffed dot
            kept = self._keeper.position() - text + (found.end() - 1 - (len(raw) - text) if inside else 0)
            self._suspect = self._false_end_here(line, name, max(0, kept), end)
            self._false_end = self._false_end or self._suspect
            if end < len(raw):
                self._follow(line, end)

    def _false_end_here(self, line: Line, name: str, kept: int, end: int) -> FalseEnd:
        rest = line.raw[end:]
        command = replace(self._command(), octets=self._octets - len(rest))
        behind = [Line(rest.rstrip(b"\r\n"), line.frames[-1:], line.time_ns, len(rest), rest)] if rest else []
        return FalseEnd(name, command, kept, behind, len(rest), self._ends_crlf or name != "LF.LF")

    def _follow(self, line: Line, at: int) -> None:
        """What comes right behind a false end tells what it is for."""
        end = self._suspect
        if end is not None and end.name and _SMUGGLED.match(line.raw, at):
            detail = f"{end.name} and {decoded(line.raw[at : at + 60].splitlines()[0])}"
            frames = tuple(sorted({end.command.frames[-1], *line.frames}))
            self.suspicions.note("smtp-smuggling", frames, detail)
            if not self._hides_commands:
                self._false_end, self._hides_commands = end, True
            self._suspect = None
        self._settle()

    def _settle(self) -> None:
        """Nothing that looks like a command came behind a false end."""
        end = self._suspect
        if end is not None and end.name:
            self.suspicions.note("false-end-of-data", end.command.frames[-1:], end.name)
        self._suspect = None


def has_bare_return(raw: bytes) -> bool:
    """Whether a line has a CR that no LF follows (RFC 5321 §2.3.8); one at its very end may still get its LF."""
    at = raw.find(b"\r")
    return 0 <= at < len(raw) - 2 or (at >= 0 and at == len(raw) - 2 and not raw.endswith(b"\n"))
