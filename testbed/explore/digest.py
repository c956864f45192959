"""When two runs went alike: digests of what their fingerprints say, without times and measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

from testbed.durations import SECOND
from testbed.trace.compare.values import CommandReply, Fingerprint, Talk

_WHY = frozenset(("status", "said", "unsaid", "hosts", "next_hop", "via"))


def digest(found: Fingerprint) -> str:
    """The same for two runs in which the same hosts said and did the same, with pauses of the same order."""
    return _digest((*_talks(found.talks), *_looked_up(found), *_done(found)))


def effect(found: Fingerprint) -> str:
    """The same for two runs in which faults came to the same: the same hosts logged the same acts, and the same mail
    was offered to the same servers, taken or not, with pauses of the same order.

    Why it was not taken, and what else was said, may differ.
    """
    return _digest((*_offers(found.talks), *_acts(found)))


def by_host(found: Fingerprint) -> tuple[tuple[str, str], ...]:
    """A digest for each host and each name that was asked for: of all that was said to it, by it and about it."""
    told: dict[str, list[object]] = {}
    for names, said in _of_whom(found):
        for name in names:
            told.setdefault(name, []).append(said)
    return tuple((name, _digest(said)) for name, said in sorted(told.items()))


def _of_whom(found: Fingerprint) -> Iterator[tuple[tuple[str, ...], object]]:
    yield from (((talk.client, talk.server), said) for talk, said in zip(found.talks, _talks(found.talks), strict=True))
    yield from (((one.client, one.name), said) for one, said in zip(found.questions, _looked_up(found), strict=True))
    yield from (((deed.host,), said) for deed, said in zip(found.deeds, _done(found), strict=True))


def _digest(said: Iterable[object]) -> str:
    return sha256("\n".join(map(repr, said)).encode()).hexdigest()[:16]


def _talks(talks: Iterable[Talk]) -> Iterator[tuple[object, ...]]:
    for talk, pause in _with_pauses(talks):
        mails = [(mail.sender, mail.message, mail.recipients) for mail in talk.mails]
        lines = [_line(line) for line in talk.lines]
        how = talk.address, str(talk.handshake), str(talk.ending), str(talk.tls)
        yield ("talk", *talk.way, *how, pause, lines, mails, talk.reading)


def _line(line: CommandReply) -> tuple[object, ...]:
    return line.verb, line.argument, str(line.reply), line.words, line.items, _order(line.waited_ns)


def _looked_up(found: Fingerprint) -> Iterator[tuple[object, ...]]:
    for one in found.questions:
        yield "question", one.client, one.kind, one.name, one.answer, sorted(one.records)


def _done(found: Fingerprint) -> Iterator[tuple[object, ...]]:
    for deed in found.deeds:
        yield "deed", deed.host, deed.event, deed.about, deed.body


def _offers(talks: Iterable[Talk]) -> Iterator[tuple[object, ...]]:
    for talk, pause in _with_pauses(talks):
        mails = [(mail.message, [(address, taken) for address, _, taken in mail.recipients]) for mail in talk.mails]
        yield talk.client, talk.server, pause, mails


def _acts(found: Fingerprint) -> Iterator[tuple[object, ...]]:
    for deed in found.deeds:
        yield deed.host, deed.event, [(name, word) for name, word in deed.about if name not in _WHY]


def _with_pauses(talks: Iterable[Talk]) -> Iterator[tuple[Talk, int]]:
    """Each connection, and of what order the pause was since the last of the same two."""
    last: dict[tuple[str, str, str], int] = {}
    for talk in talks:
        yield talk, _order(talk.start_ns - last.get(talk.way, 0))
        last[talk.way] = talk.start_ns


def _order(pause_ns: int) -> int:
    """0 below a second, then one more whenever it doubles."""
    return max(0, pause_ns // SECOND).bit_length()
