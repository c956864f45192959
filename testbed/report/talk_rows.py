"""A dialogue in two traces as rows: what corresponds stands in one, and what differs is marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from testbed.durations import span
from testbed.plural import count
from testbed.trace.compare.align import line_pairs
from testbed.trace.compare.aspects import between, differ
from testbed.trace.compare.values import CommandReply, Replies, Talk
from testbed.trace.model.connection import Closure

SAME, OTHER, GONE, NEW = " ", "≠", "−", "+"
_CONTEXT = 2  # rows shown around each that differs
_PSEUDO = {"connect": "(connects)", "message": "(the message)", "": "(unasked)"}

Row = tuple[str, str, str]
"""What the first trace says, a mark, what the second says."""
_Event = tuple[str, str]  # where and when, and what: that alone is compared


class ToldTalk(Struct, frozen=True):
    """A dialogue: who spoke, whether it differs, a few words on that, and its rows, none where they say nothing new."""

    mark: str
    who: str
    words: str
    rows: tuple[Row, ...]


def told_talk(old: Talk | None, new: Talk | None, *, whole: bool) -> ToldTalk:
    """A dialogue of which at least one side is there; ``whole`` has rows that are the same, too."""
    talk = new or old
    if talk is None:
        raise ValueError("neither trace has this dialogue")
    who = f"{talk.client} → {talk.server} {talk.service}"
    rows = tuple(_rows(old, new))
    if old is not None and new is not None and not any(between(old, new)):
        frames = "–".join(map(str, old.frames)), "–".join(map(str, new.frames))
        words = f"the same, {count(len(new.lines), 'exchange')}  [{frames[0]} | {frames[1]}]"
        return ToldTalk(SAME, who, words, rows if whole else ())
    mark = OTHER if old is not None and new is not None else GONE if old is not None else NEW
    words = {OTHER: "", GONE: "only before", NEW: "only now"}[mark]
    return ToldTalk(mark, who, words, rows if whole else tuple(_shortened(rows)))


def _rows(old: Talk | None, new: Talk | None) -> Iterator[Row]:
    yield _row(_opening(old), _opening(new))
    if (old and old.tls) or (new and new.tls):
        yield _row(*(("", str(talk.tls)) if talk and talk.tls else None for talk in (old, new)))
    loose = bool((old and old.loose) or (new and new.loose))
    for one, other in line_pairs(old.lines if old else (), new.lines if new else ()):
        if one is not None and other is not None:
            yield _line(one), OTHER if differ(one, other, loose) else SAME, _line(other)
        elif one is not None:
            yield _line(one), GONE, ""
        elif other is not None:
            yield "", NEW, _line(other)
    yield _row(_closing(old), _closing(new))


def _row(old: _Event | None, new: _Event | None) -> Row:
    mark = GONE if new is None else NEW if old is None else OTHER if old[1] != new[1] else SAME
    left, right = ("  ".join(filter(None, event or ())) for event in (old, new))
    return left, mark, right


def _opening(talk: Talk | None) -> _Event | None:
    if talk is None:
        return None
    times = f", {talk.opened} SYNs" if talk.opened > 1 else ""
    return f"{talk.frames[0]} +{span(talk.start_ns)}", f"handshake {talk.handshake}{times}"


def _closing(talk: Talk | None) -> _Event | None:
    if talk is None:
        return None
    verb = "left" if talk.ending.closure is Closure.OPEN else "closed"
    return f"{talk.closing[-1]} +{span(talk.end_ns)}", f"{verb} {talk.ending}"


def _line(line: CommandReply) -> str:
    said = f"{_PSEUDO.get(line.verb, line.verb)} {line.argument}".strip()
    if "(size)" in said:
        said = said.replace("(size)", str(line.octets))
    elif line.octets:
        said += f" {line.octets:,} octets"
    answer = f"{Replies(line.reply.statuses)} {line.words}".strip() if line.reply else "no reply"
    return f"{line.frames[0] if line.frames else '–'}  {said} → {answer}  ({span(line.waited_ns)})"


def _shortened(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows that differ and those around them."""
    near = {
        at
        for number, (_, mark, _) in enumerate(rows)
        if mark != SAME
        for at in range(number - _CONTEXT, number + _CONTEXT + 1)
    }
    left_out = 0
    for number, row in enumerate(rows):
        if number in near:
            if left_out:
                yield f"… {left_out} the same", SAME, "…"
            left_out = 0
            yield row
        else:
            left_out += 1
    if left_out:
        yield f"… {left_out} the same", SAME, "…"
