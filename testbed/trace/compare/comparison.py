"""What changed between two fingerprints, each change in a sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from testbed.trace.analysis import Analysis
from testbed.trace.compare import aspects
from testbed.trace.compare.align import TalkPair, talk_pairs
from testbed.trace.compare.causes import causes
from testbed.trace.compare.change import Change
from testbed.trace.compare.counterparts import (
    on_ways,
    renamed,
    same_hosts,
    same_messages,
    same_ways,
    with_messages,
)
from testbed.trace.compare.difference import Difference
from testbed.trace.compare.fingerprint import fingerprint
from testbed.trace.compare.normal import alike, span
from testbed.trace.compare.sentences import sentence
from testbed.trace.compare.stories import EVENTS_OF_STORIES, changed_stories, stories
from testbed.trace.compare.turning_points import turning_points
from testbed.trace.compare.values import Clue, Deed, Fingerprint, Frames, Question, Talk

_MOST_ORDERED = 500  # connections of one client whose order is compared

Item = TypeVar("Item", Question, Deed, Clue)
Key = TypeVar("Key", bound=Hashable)


class Comparison(Struct, frozen=True):
    """Two traces compared.  ``hosts`` are those of the second that go by another name in the first.

    The host names in ``differences`` and ``pairs`` are those of the first.
    """

    hosts: tuple[tuple[str, str], ...]
    pairs: tuple[TalkPair, ...]
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return not self.differences


def compare_analyses(before: Analysis, now: Analysis) -> Comparison:
    """Compare two traces by what they say."""
    return compare(fingerprint(before), fingerprint(now))


def compare(before: Fingerprint, now: Fingerprint) -> Comparison:
    """Compare two fingerprints: first what became of mail, then who went where, what was said, and what follows."""
    names = same_hosts(before, now)
    now = renamed(now, names)
    ways = same_ways(before, now)
    now = on_ways(now, ways)
    messages = same_messages(before, now)
    now = with_messages(now, messages)
    pairs = talk_pairs(before.talks, now.talks)
    changes = (*_contents(before, now, messages), *_changes(before, now, pairs))
    hosts = list(names.items())
    hosts += [(f"{new[0]} → {new[1]}", f"{old[0]} → {old[1]}") for new, old in ways.items()]
    return Comparison(tuple(hosts), tuple(pairs), tuple(_differences(changes)))


def _differences(changes: Iterable[Change]) -> Iterator[Difference]:
    """Each change in its sentence, causes with what follows from them; what several connections share is told once."""
    together: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        together.setdefault((change.kind, sentence(change)), []).append(change)
    for cause in causes([tuple(same) for same in together.values()]):
        yield replace(_difference(cause.changes), follows=tuple(map(_difference, cause.follows)))


def _difference(same: Sequence[Change]) -> Difference:
    """Changes of one sentence, with all their frames."""
    text = sentence(same[0])
    if same[0].connection:
        numbers = ", ".join(str(change.connection) for change in same)
        text += f" (connection{'s' if len(same) > 1 else ''} {numbers})"
    before = (frame for change in same for frame in change.before_frames)
    now = (frame for change in same for frame in change.now_frames)
    return Difference(same[0].kind, text, tuple(dict.fromkeys(before)), tuple(dict.fromkeys(now)))


def _contents(before: Fingerprint, now: Fingerprint, messages: Mapping[str, str]) -> Iterator[Change]:
    """Messages that say something else than those in their places."""
    seen: list[dict[str, Frames]] = [{}, {}]
    for side, given in enumerate((before, now)):
        for talk in given.talks:
            for mail in talk.mails:
                seen[side].setdefault(mail.message, mail.frames[:1])
    for new, old in messages.items():
        yield Change("content", "", "", "message", old, new, seen[0].get(old, ()), seen[1].get(old, ()))


def _changes(before: Fingerprint, now: Fingerprint, pairs: Sequence[TalkPair]) -> Iterator[Change]:
    retold = dict(changed_stories(stories(before), stories(now)))
    yield from retold.values()
    yield from _orders(pairs)
    yield from _counts(pairs)
    yield from _times(pairs)
    totals: dict[tuple[str, str, str], int] = defaultdict(int)
    for old, new in pairs:
        if old is not None and new is not None:
            totals[old.way] += 1
    places: dict[tuple[str, str, str], int] = defaultdict(int)
    for old, new in pairs:
        if old is not None and new is not None:
            places[old.way] += 1
            place = places[old.way] if totals[old.way] > 1 else 0
            yield from (replace(change, connection=place) for change in aspects.between(old, new))
    yield from turning_points(before.talks, now.talks, pairs)
    yield from _questions(before.questions, now.questions)
    yield from _deeds(before.deeds, now.deeds, set(retold))
    yield from _clues(before.clues, now.clues)


def _counts(pairs: Sequence[TalkPair]) -> Iterator[Change]:
    """More, or fewer, connections of a client to a server's service."""
    ways: dict[tuple[str, str, str], list[TalkPair]] = defaultdict(list)
    for pair in pairs:
        talk = pair[0] or pair[1]
        if talk is not None:
            ways[talk.way].append(pair)
    for (client, server, service), found in ways.items():
        if all(old is not None and new is not None for old, new in found):
            continue
        gone = tuple(old.frames[0] for old, new in found if old is not None and new is None)
        added = tuple(new.frames[0] for old, new in found if new is not None and old is None)
        had = sum(1 for old, _ in found if old is not None)
        has = sum(1 for _, new in found if new is not None)
        yield Change("connections", client, server, service, had, has, gone, added)


def _times(pairs: Sequence[TalkPair]) -> Iterator[Change]:
    """When a client comes back to a server, since it came last; the first time, since the trace began."""
    last: dict[tuple[str, str, str], tuple[Talk, Talk]] = {}
    broken: set[tuple[str, str, str]] = set()
    for old, new in pairs:
        talk = old or new
        if old is None or new is None:
            if talk is not None:
                broken.add(talk.way)  # what came before is no longer the same
            continue
        if old.way in broken or old.loose or new.loose:
            continue
        if old.way in last:
            earlier, ago = last[old.way]
            spans = old.start_ns - earlier.start_ns, new.start_ns - ago.start_ns
            kind = "return"
        else:
            spans, kind = (old.start_ns, new.start_ns), "first"
        last[old.way] = old, new
        if not alike(*spans):
            values = span(spans[0]), span(spans[1])
            yield Change(kind, old.client, old.server, old.service, *values, old.opening[:1], new.opening[:1])


def _orders(pairs: Sequence[TalkPair]) -> Iterator[Change]:
    """Two servers in the other order.  What goes on at the same time in either trace has none."""
    clients: dict[str, list[tuple[Talk, Talk]]] = defaultdict(list)
    for old, new in pairs:
        if old is not None and new is not None and not (old.loose or new.loose):
            clients[old.client].append((old, new))
    for client, found in clients.items():
        shown: set[tuple[str, str]] = set()
        for at, (old, new) in enumerate(found[:_MOST_ORDERED]):
            for later, sooner in found[at + 1 : _MOST_ORDERED]:
                ends = old.server, later.server
                if old.server == later.server or ends in shown or ends[::-1] in shown:
                    continue
                if old.end_ns < later.start_ns and sooner.end_ns < new.start_ns:
                    shown.add(ends)
                    frames = (old.frames[0], later.frames[0]), (sooner.frames[0], new.frames[0])
                    yield Change("order", client, later.server, old.server, old.server, later.server, *frames)


def _questions(before: Sequence[Question], now: Sequence[Question]) -> Iterator[Change]:
    """Names asked for, by whom, how often, and the answers."""
    for key, (old, new) in _sorted_out(before, now, lambda q: (q.client, q.server, q.kind, q.name)).items():
        client, server, kind, name = key
        what = f"{kind} {name}".strip()
        if len(old) != len(new):
            yield Change("question", client, server, what, len(old), len(new), _frames(old), _frames(new))
            continue
        answers = [sorted((q.answer, q.records) for q in side) for side in (old, new)]
        if answers[0] != answers[1]:
            was, now_is = (
                "; ".join(f"{answer} {', '.join(records)}".strip() for answer, records in dict.fromkeys(side))
                for side in answers
            )
            yield Change("answer", client, server, what, was, now_is, _frames(old), _frames(new))


def _deeds(before: Sequence[Deed], now: Sequence[Deed], retold: set[tuple[str, str]]) -> Iterator[Change]:
    """What hosts logged, by host, event and what it is about: how often, and the delays they chose."""
    hosts = {host for host, _ in retold}
    found = _sorted_out(before, now, lambda deed: (deed.host, deed.event, deed.about))
    for (host, event, about), (old, new) in found.items():
        fields = dict(about)
        if event in EVENTS_OF_STORIES and host in hosts:
            continue
        whom = fields.pop("recipient", "") or fields.pop("recipients", "") or fields.pop("mailbox", "")
        detail = ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in fields.items() if value and name != "message"
        )
        frames = _frames(old), _frames(new)
        if len(old) != len(new):
            counts = len(old), len(new)
            yield Change(f"deed {event}", host, whom, event, *counts, *frames, detail=detail, logged=True)
        elif not all(alike(a.in_ns, b.in_ns) for a, b in zip(old, new, strict=True)):
            was, now_is = (", ".join(span(deed.in_ns) for deed in side) for side in (old, new))
            yield Change("delay", host, whom, event, was, now_is, *frames)
        elif sorted(deed.body for deed in old) != sorted(deed.body for deed in new):
            yield Change("body", host, whom, event, "another", "this one", *frames)


def _clues(before: Sequence[Clue], now: Sequence[Clue]) -> Iterator[Change]:
    """Findings, by code and between whom: how often."""
    for (code, between), (old, new) in _sorted_out(before, now, lambda clue: (clue.code, clue.between)).items():
        if len(old) != len(new):
            sample, frames = (new or old)[-1].text, (_frames(old), _frames(new))
            yield Change("finding", "", "", code, len(old), len(new), *frames, sample, hosts=between)


def _sorted_out(
    before: Sequence[Item], now: Sequence[Item], key: Callable[[Item], Key]
) -> dict[Key, tuple[list[Item], list[Item]]]:
    found: dict[Key, tuple[list[Item], list[Item]]] = {}
    for side, items in enumerate((before, now)):
        for item in items:
            found.setdefault(key(item), ([], []))[side].append(item)
    return found


def _frames(items: Sequence[Item]) -> Frames:
    return tuple(frame for item in items for frame in item.frames)
