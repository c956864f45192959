"""Which connection and which command of one trace is which of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from testbed.trace.compare.values import CommandReply, Talk

TalkPair = tuple[Talk | None, Talk | None]
LinePair = tuple[CommandReply | None, CommandReply | None]
Key = Callable[[CommandReply], object]
_MOST_COMPARED = 250_000  # pairs of connections, or of commands, weighed against each other


def talk_pairs(before: Sequence[Talk], now: Sequence[Talk]) -> list[TalkPair]:
    """Connections that correspond: those of one client to one server's service, in their order."""
    ways: dict[tuple[str, str, str], tuple[list[Talk], list[Talk]]] = {}
    for side, talks in enumerate((before, now)):
        for talk in talks:
            ways.setdefault(talk.way, ([], []))[side].append(talk)
    pairs: list[TalkPair] = []
    for one, other in ways.values():
        pairs += _concurrent(one, other) if len(one) == len(other) else _best(one, other)
    return sorted(pairs, key=lambda pair: (pair[0] or pair[1]).start_ns)  # type: ignore[union-attr]


def _concurrent(before: list[Talk], now: list[Talk]) -> Iterator[TalkPair]:
    """One to one, in order; but which of several that go on at the same time began first means nothing."""
    rest = list(now)
    for at, talk in enumerate(before):
        if _said(talk) != _said(rest[at]):
            for later in range(at + 1, len(rest)):
                if not (_overlap(talk, before[later]) and _overlap(rest[at], rest[later])):
                    break
                if _said(talk) == _said(rest[later]):
                    rest[at], rest[later] = rest[later], rest[at]
                    break
        yield talk, rest[at]


def _overlap(one: Talk, other: Talk) -> bool:
    return one.start_ns <= other.end_ns and other.start_ns <= one.end_ns


def _said(talk: Talk) -> tuple[object, ...]:
    spoken = tuple((line.verb, line.argument, line.reply) for line in talk.lines)
    return talk.handshake, spoken, tuple((mail.message, mail.recipients) for mail in talk.mails)


def _best(before: list[Talk], now: list[Talk]) -> Iterator[TalkPair]:
    """As many as are alike, in order, the most alike together; the rest alone."""
    if len(before) * len(now) > _MOST_COMPARED:
        yield from zip_longest(before, now)
        return
    # best[i][j]: the greatest likeness of before[i:] and now[j:]
    best = [[0.0] * (len(now) + 1) for _ in range(len(before) + 1)]
    likeness = [[_likeness(one, other) for other in now] for one in before]
    for i in reversed(range(len(before))):
        for j in reversed(range(len(now))):
            best[i][j] = max(best[i + 1][j + 1] + likeness[i][j], best[i + 1][j], best[i][j + 1])
    i = j = 0
    while i < len(before) or j < len(now):
        if i < len(before) and j < len(now) and best[i][j] == best[i + 1][j + 1] + likeness[i][j]:
            yield before[i], now[j]
            i, j = i + 1, j + 1
        elif j == len(now) or (i < len(before) and best[i][j] == best[i + 1][j]):
            yield before[i], None
            i += 1
        else:
            yield None, now[j]
            j += 1


def _likeness(one: Talk, other: Talk) -> float:
    said, heard = [(line.verb, line.reply) for line in one.lines], [(line.verb, line.reply) for line in other.lines]
    common = sum(1 for a, b in zip(said, heard, strict=False) if a == b)
    share = common / max(len(said), len(heard), 1)
    return 0.1 + (one.handshake == other.handshake) + (one.ending.closure is other.ending.closure) * 0.5 + share


def line_pairs(before: Sequence[CommandReply], now: Sequence[CommandReply]) -> list[LinePair]:
    """Commands that correspond: the same ones, else those with the same verb in the same place."""
    return list(_pairs(before, now, lambda line: (line.verb, line.argument), lambda line: line.verb))


def _pairs(before: Sequence[CommandReply], now: Sequence[CommandReply], *keys: Key) -> Iterator[LinePair]:
    if not keys or not before or not now:
        yield from ((line, None) for line in before)
        yield from ((None, line) for line in now)
        return
    key, *coarser = keys
    one, other = [key(line) for line in before], [key(line) for line in now]
    if one == other:
        yield from zip(before, now, strict=True)
        return
    if len(one) * len(other) > _MOST_COMPARED:
        yield from zip_longest(before, now)
        return
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    yield from zip(before[:same], now[:same], strict=True)  # what comes first is what it seems to be
    before, now, one, other = before[same:], now[same:], one[same:], other[same:]
    for _, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if one[a:b] == other[c:d]:
            yield from zip(before[a:b], now[c:d], strict=True)
        else:
            yield from _pairs(before[a:b], now[c:d], *coarser)
