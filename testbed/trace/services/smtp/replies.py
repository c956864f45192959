"""Replies of an SMTP server, put together from their lines (RFC 5321 §4.2.1)."""

from __future__ import annotations

from testbed.protocols.smtp import ReplyLine, parse_reply_line
from testbed.protocols.status import split_enhanced
from testbed.protocols.text import decoded
from testbed.trace.model.exchange import Reply
from testbed.trace.services.lines import Line

_MAX_LINES = 1_000

ReplyPart = tuple[ReplyLine, Line]


class ReplyReader:
    """Takes lines and gives replies; a line that is no SMTP is a reply without a code."""

    def __init__(self) -> None:
        self._parts: list[ReplyPart] = []

    def line(self, line: Line) -> tuple[Reply, list[ReplyPart]] | None:
        """The next line.  Gives the reply with its lines when it is the last of them."""
        parsed = parse_reply_line(line.content)
        if parsed is None:
            parsed = ReplyLine("", True, decoded(line.content)[:500])
        if len(self._parts) < _MAX_LINES:
            self._parts.append((parsed, line))
        if not parsed.last:
            return None
        parts, self._parts = self._parts, []
        return _reply(parts), parts

    @property
    def unfinished(self) -> list[ReplyPart]:
        """The lines so far of a reply that has not ended, a thousand at most."""
        return self._parts

    def clear(self) -> None:
        """Forget a reply that was not whole."""
        self._parts = []


def _reply(parts: list[ReplyPart]) -> Reply:
    texts = []
    enhanced = ""
    frames: dict[int, None] = {}
    octets = 0
    for parsed, line in parts:
        found, text = split_enhanced(parsed.text)
        enhanced = enhanced or found
        texts.append(text)
        frames.update(dict.fromkeys(line.frames))
        octets += line.octets
    (_, first), (end, last) = parts[0], parts[-1]
    whole = last.raw.endswith(b"\n")
    return Reply(end.code, enhanced, tuple(texts), tuple(frames), first.time_ns, last.time_ns, octets, whole)
