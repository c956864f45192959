"""Where the connections of a client to a server first go otherwise, when there are more, or fewer, than before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from testbed.trace.compare.align import TalkPair
from testbed.trace.compare.aspects import between
from testbed.trace.compare.change import Change
from testbed.trace.compare.values import Talk

_TURNS = frozenset({"reply", "handshake", "tls", "ending", "patience"})
"""What can make a client come again, or not.  Where it says something else itself, the two are no counterparts."""


def turning_points(before: Sequence[Talk], now: Sequence[Talk], pairs: Sequence[TalkPair]) -> Iterator[Change]:
    """The first change between connections of the same place in their order, where they are not the same in number.

    Those that are alike correspond (:func:`testbed.trace.compare.align.talk_pairs`): of three tries and of one, it is
    the ones that succeed, and nothing has been refused otherwise.
    """
    ways: dict[tuple[str, str, str], tuple[list[Talk], list[Talk]]] = defaultdict(lambda: ([], []))
    for side, talks in enumerate((before, now)):
        for talk in talks:
            ways[talk.way][side].append(talk)
    for olds, news in ways.values():
        if len(olds) == len(news):
            continue
        for place, (old, new) in enumerate(zip(olds, news, strict=False), 1):
            said = (change for change in between(old, new) if change.kind != "message")  # which the commands tell
            first = min(said, key=_since, default=None)
            if first is None:
                continue
            if first.kind in _TURNS and not any(old is one and new is other for one, other in pairs):
                yield replace(first, connection=place if max(len(olds), len(news)) > 1 else 0)
            break


def _since(change: Change) -> int:
    return min(change.now_frames or change.before_frames, default=0)
