"""The octets of one side of an HTTP/1.1 connection cut into messages (RFC 9112 §2, §6, §7).

Bodies are counted and not kept, but for the beginning of a form, and a policy of MTA-STS.  Behind a hole whose end
cannot be placed, reading goes on at the next start line; behind a message whose end nobody can tell, it stops.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from testbed.protocols.http import (
    PREFACE,
    Body,
    FramingFault,
    RequestLine,
    StatusLine,
    chunk_size,
    parse_request_line,
    parse_status_line,
)
from testbed.protocols.text import decoded
from testbed.trace.flows import CLIENT
from testbed.trace.services.http.messages import OCTETS_MISSING, Message, Owner
from testbed.trace.services.lines import Line, LineBuffer
from testbed.trace.tcp.reassembly import Chunk

_MOST_HEAD = 256 << 10  # octets of a header, and of a trailer; one that is longer is not followed
_MOST_HELD = 64 << 10
_MOST_FRAMES, _PREVIEW = 200, 60  # of a header; octets that are shown
_STARTS = (re.compile(rb"[A-Z]{3,20} (?:/|\*|https?://)"), re.compile(rb"HTTP/1\.\d "))


class MessageReader:
    """Reads the messages of one side and tells an :class:`Owner` of them."""

    def __init__(self, side: int, owner: Owner) -> None:
        self._side = side
        self._owner = owner
        self._buffer = LineBuffer()
        self._step: Callable[[], bool] = self._start
        self._message: Message | None = None
        self._left = 0  # octets up to the end of the body, or of the chunk
        self._trailer = 0  # octets of it
        self._overheld = False
        self._line_cut = False  # the next line begins in the middle
        self.recognised = False
        self.preface = False

    @property
    def lost(self) -> bool:
        """Whether what comes next cannot be placed."""
        return self._step in (self._search, self._ignore)

    def feed(self, chunk: Chunk) -> None:
        """The next octets."""
        if self._step == self._ignore:
            return
        if self._step == self._search and _STARTS[self._side].match(chunk.octets):
            self._buffer.clear()  # a message begins with a packet, whatever the end of the last one looked like
            self._line_cut = False
        self._buffer.add(chunk)
        self._go_on()

    def gap(self, octets: int | None) -> None:
        """So many octets are missing; None where it is not known how many."""
        message = self._message
        if self._step == self._hold:
            self._overheld = True
        elif self._step == self._to_close and message is not None:
            self._count_missing(message, octets or 0)
        elif self._step in (self._length, self._chunk) and message is not None and octets is not None:
            counted = min(octets, self._left)
            self._count_missing(message, counted)
            self._left -= counted
            self._go_on()
            if counted < octets:
                self.gap(octets - counted)
        elif self._step != self._ignore:
            self._astray()

    def hold(self) -> None:
        """Wait before reading on: the other side decides what it is."""
        self._step = self._hold

    def release(self, *, opaque: bool) -> None:
        """It is decided: from here on octets are another protocol's, or HTTP as before."""
        held = self._step == self._hold
        if opaque:
            if held or self._message is None:
                self._stop()
        elif held:
            self._step = self._start
            if self._overheld:
                self._astray()
            self._go_on()

    def finish(self) -> None:
        """The connection has ended, or the capture."""
        message = self._message
        if message is None:
            rest = self._buffer.rest() if self._step == self._start else None
            if rest is not None and rest.content:
                self._owner.stuck(self._side, rest.frames, f"a start line that is cut off: {self._preview(rest)}")
        elif self._step == self._to_close or message.may_be_empty:
            self._end()
        elif message.framing is None:
            self._cut_off("cut off in its header")
        elif message.framing.body is Body.LENGTH:
            self._cut_off(f"cut off: {message.body:,} of {message.framing.length:,} octets of its body")
        else:
            self._cut_off(f"cut off: {message.body:,} octets of its body and no last chunk")

    def _go_on(self) -> None:
        while self._step():
            pass

    # Steps: each takes something out of the buffer and tells whether to go on.

    def _start(self) -> bool:
        line = self._buffer.line()
        if line is None:
            return False
        if not line.content:
            return True  # RFC 9112 §2.2: empty lines before a request line are ignored
        if line.content == PREFACE and self._side == CLIENT:
            self.preface = True
            return self._stop()
        start = self._parsed(line)
        if start is None:
            self._owner.stuck(self._side, line.frames, f"octets that begin no message: {self._preview(line)}")
            self._step, self._line_cut = self._search, not line.raw.endswith(b"\n")
            return True
        return self._begin(start, line)

    def _search(self) -> bool:
        line = self._buffer.line()
        if line is None:
            return False
        cut, self._line_cut = self._line_cut, not line.raw.endswith(b"\n")
        start = None if cut else self._parsed(line)
        if start is None or (isinstance(start, RequestLine) and b" " in start.target):
            return True
        return self._begin(start, line)

    def _fields(self) -> bool:
        line, message = self._buffer.line(), self._message
        if line is None or message is None:
            return False
        self._passed(message, line)
        if message.octets > _MOST_HEAD or not line.raw.endswith(b"\n"):
            return self._give_up(f"a header of more than {_limit(line)} octets", line.frames)
        self._line_end(message, line)
        message.frames.update(dict.fromkeys(line.frames[: max(0, _MOST_FRAMES - len(message.frames))]))
        if line.raw not in (b"\r\n", b"\n"):
            message.head.add(line.content)
            return True
        return self._headed(message)

    def _length(self) -> bool:
        bodiless = self._message is not None and self._message.may_be_empty
        return self._end() if bodiless and self._buffer.begins(_STARTS[self._side]) else self._take(self._end)

    def _chunk_line(self) -> bool:
        line, message = self._buffer.line(), self._message
        if line is None or message is None:
            return False
        self._passed(message, line)
        size = chunk_size(line.content) if line.raw.endswith(b"\n") else None
        if size is None:
            message.head.faults.add(FramingFault.BAD_CHUNK)
            return self._give_up(f"a chunk whose size cannot be read: {self._preview(line)}", line.frames)
        self._line_end(message, line)
        self._left = size
        self._step = self._chunk if size else self._trailers
        return True

    def _chunk(self) -> bool:
        return self._take(self._chunk_over)

    def _chunk_over(self) -> bool:
        self._step = self._chunk_end
        return True

    def _chunk_end(self) -> bool:
        line, message = self._buffer.line(), self._message
        if line is None or message is None:
            return False
        self._passed(message, line)
        if line.raw not in (b"\r\n", b"\n"):
            message.head.faults.add(FramingFault.BAD_CHUNK)
            return self._give_up("a chunk that does not end where its size says", line.frames)
        self._line_end(message, line)
        self._step = self._chunk_line
        return True

    def _trailers(self) -> bool:
        line, message = self._buffer.line(), self._message
        if line is None or message is None:
            return False
        self._passed(message, line)
        self._trailer += line.octets
        if self._trailer > _MOST_HEAD or not line.raw.endswith(b"\n"):
            return self._give_up(f"a trailer of more than {_limit(line)} octets", line.frames)
        self._line_end(message, line)
        return line.raw not in (b"\r\n", b"\n") or self._end()

    def _to_close(self) -> bool:
        self._left = len(self._buffer) + 1
        return self._take(self._end)

    def _hold(self) -> bool:
        if len(self._buffer) > _MOST_HELD:
            self._buffer.clear()
            self._overheld = True
        return False

    def _ignore(self) -> bool:
        self._buffer.clear()
        return False

    # What the steps have in common.

    def _parsed(self, line: Line) -> RequestLine | StatusLine | None:
        if not line.raw.endswith(b"\n"):
            return None
        return parse_request_line(line.content) if self._side == CLIENT else parse_status_line(line.content)

    def _begin(self, start: RequestLine | StatusLine, line: Line) -> bool:
        self.recognised = True
        message = self._message = Message(start, line.time_ns)
        message.frames = dict.fromkeys(line.frames[:_MOST_FRAMES])
        if isinstance(start, RequestLine) and (b" " in start.target or b"\t" in start.target):
            message.head.faults.add(FramingFault.SPACE_IN_TARGET)
        self._passed(message, line)
        self._line_end(message, line)
        self._step = self._fields
        self._owner.started(self._side, message)
        return True

    def _headed(self, message: Message) -> bool:
        framing = self._owner.headed(self._side, message)
        message.framing = framing
        self._left, self._trailer = framing.length, 0
        if message.head.first("content-type").lower().startswith(b"application/x-www-form-urlencoded"):
            message.form = bytearray()
        if framing.body is Body.UNKNOWN:
            return self._give_up("a message whose end nobody can tell", tuple(message.frames))
        if framing.body is Body.NONE:
            return self._end()
        steps = {Body.LENGTH: self._length, Body.CHUNKED: self._chunk_line, Body.CLOSE: self._to_close}
        self._step = steps[framing.body]
        return True

    def _take(self, then: Callable[[], bool]) -> bool:
        """Pass over octets of a body; ``then`` when there are no more of them."""
        message = self._message
        if message is not None and self._left and len(self._buffer):
            octets, frames, time = self._buffer.take(self._left)
            message.last_frame, message.time_ns = frames[-1], time
            message.octets += len(octets)
            message.body += len(octets)
            self._left -= len(octets)
            message.keep(octets)
        return then() if not self._left else False

    def _preview(self, line: Line) -> str:
        """The beginning of a line; of the client's only its size, for it may hold a password."""
        return f"{line.octets:,} octets" if self._side == CLIENT else decoded(line.content[:_PREVIEW])

    def _passed(self, message: Message, line: Line) -> None:
        message.octets += line.octets
        message.last_frame, message.time_ns = line.frames[-1], line.time_ns

    def _line_end(self, message: Message, line: Line) -> None:
        if not line.raw.endswith(b"\r\n"):
            message.head.faults.add(FramingFault.BARE_LF)
        if b"\r" in line.content or line.raw.endswith(b"\r\r\n"):
            message.head.faults.add(FramingFault.BARE_CR)

    def _count_missing(self, message: Message, octets: int) -> None:
        message.octets += octets
        message.body += octets
        message.missing += octets

    def _end(self, trouble: str = "") -> bool:
        message, self._message = self._message, None
        self._step = self._start
        if message is not None:
            message.ended, message.trouble = True, trouble
            self._owner.ended(self._side, message)
        return True

    def _cut_off(self, trouble: str) -> None:
        if self._message is not None:
            self._message.cut_off = True
        self._end(trouble)

    def _astray(self) -> None:
        """Octets are missing where nothing tells how it goes on."""
        self._buffer.clear()
        self._end(OCTETS_MISSING)
        self._step = self._search
        self._owner.hole(self._side)

    def _give_up(self, words: str, frames: tuple[int, ...]) -> bool:
        self._owner.stuck(self._side, frames, words)
        self._end(words)
        return self._stop()

    def _stop(self) -> bool:
        self._step = self._ignore
        self._buffer.clear()
        return False


def _limit(line: Line) -> str:
    return f"{_MOST_HEAD:,}" if line.raw.endswith(b"\n") else f"{line.octets:,}"
