"""What may differ between two connections that correspond: one function and one row for each aspect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest

from testbed.trace.compare.align import line_pairs
from testbed.trace.compare.change import Change, Said, Value
from testbed.trace.compare.fingerprint import OFFERS
from testbed.trace.compare.normal import about_as_large, alike, span
from testbed.trace.compare.values import CommandReply, Frames, Talk


def between(before: Talk, now: Talk) -> Iterator[Change]:
    """Everything that changed."""
    for aspect in _ASPECTS:
        yield from aspect(before, now)


def _value(
    kind: str, read: Callable[[Talk], Value], frames: Callable[[Talk], Frames], *, tight: bool = False
) -> Callable[[Talk, Talk], Iterator[Change]]:
    """An aspect that is one value; a ``tight`` one says nothing of programs, whose haste nobody knows."""

    def aspect(before: Talk, now: Talk) -> Iterator[Change]:
        old, new = read(before), read(now)
        if old != new and not (tight and (before.loose or now.loose)):
            yield Change(kind, now.client, now.server, now.service, old, new, frames(before), frames(now))

    return aspect


def _one(frames: Frames) -> Frames:
    return frames[:1]


def _lines(before: Talk, now: Talk) -> Iterator[Change]:
    for old, new in line_pairs(before.lines, now.lines):
        if old is not None and new is not None:
            for kind, one, other in _of_line(old, new, before.loose or now.loose):
                yield Change(kind, now.client, now.server, new.verb, one, other, old.frames, new.frames)
        elif old is not None:
            said = Said(old.argument, old.reply)
            yield Change("command-gone", now.client, now.server, old.verb, said, None, old.frames, ())
        elif new is not None:
            said = Said(new.argument, new.reply)
            yield Change("command-new", now.client, now.server, new.verb, None, said, (), new.frames)


def differ(old: CommandReply, new: CommandReply, loose: bool) -> bool:
    """Whether two commands that correspond, or their replies, are not the same."""
    return any(True for _ in _of_line(old, new, loose))


def _of_line(old: CommandReply, new: CommandReply, loose: bool) -> Iterator[tuple[str, Value, Value]]:
    """Kind, value before, value now."""
    if old.reply != new.reply:
        yield "reply", old.reply, new.reply
    elif old.words != new.words:
        yield "reason", old.words, new.words
    elif old.items != new.items:
        yield from _of_items(old, new)
    if old.argument != new.argument:
        yield "argument", old.argument, new.argument
    elif not (old.cut and new.cut) and not about_as_large(old.octets, new.octets):
        yield "size", f"{old.octets:,}", f"{new.octets:,}"
    if loose:
        return
    if old.ahead != new.ahead:
        yield "pipelining", int(old.ahead), int(new.ahead)
    if not alike(old.waited_ns, new.waited_ns):
        answered = bool(old.reply and new.reply)
        yield "answer-time" if answered else "patience", span(old.waited_ns), span(new.waited_ns)


def _of_items(old: CommandReply, new: CommandReply) -> Iterator[tuple[str, Value, Value]]:
    if new.verb not in OFFERS:
        yield "reason", ", ".join(old.items), ", ".join(new.items)
        return
    offered, offers = set(old.items), set(new.items)
    for gone in sorted(offered - offers):
        yield "offer-gone", gone, None
    for added in sorted(offers - offered):
        yield "offer-new", None, added


def _messages(before: Talk, now: Talk) -> Iterator[Change]:
    for old, new in zip_longest(before.mails, now.mails):
        if old is None or new is None:
            return  # the commands have told
        if old.message != new.message:
            ends = now.client, now.server
            yield Change("message", *ends, "message", old.message, new.message, old.frames, new.frames)


_ASPECTS: tuple[Callable[[Talk, Talk], Iterator[Change]], ...] = (
    _value("handshake", lambda talk: talk.handshake, lambda talk: talk.opening),
    _value("syn", lambda talk: talk.opened, lambda talk: talk.opening),
    _value("address", lambda talk: talk.address, lambda talk: _one(talk.frames)),
    _value("tls", lambda talk: talk.tls, lambda talk: _one(talk.frames)),
    _lines,
    _messages,
    _value("told", lambda talk: talk.reading, lambda talk: talk.frames),
    _value("repeated", lambda talk: int(talk.repeated), lambda talk: talk.again, tight=True),
    _value("ending", lambda talk: talk.ending, lambda talk: talk.closing, tight=True),
)
