"""Which span, noted last, covers another: for many spans and many questions, without comparing each with each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable


class Covering:
    """Spans noted one after another, each with a label.  ``asked`` are the starts that will be asked about.

    A tree of sums (Fenwick) over these starts: a node keeps the spans that begin by its start, of which a later one
    hides those before it that end no later.  Noting and asking take some log² steps of how many are asked about.
    """

    def __init__(self, asked: Iterable[int]) -> None:
        self._starts = sorted(set(asked))
        self._nodes: list[list[tuple[int, int]]] = [[] for _ in range(len(self._starts) + 1)]  # (-end, label)

    def note(self, start: int, end: int, label: int) -> None:
        """A span from ``start`` up to ``end``."""
        node = bisect_left(self._starts, start) + 1
        while node < len(self._nodes):
            kept = self._nodes[node]
            while kept and kept[-1][0] >= -end:
                kept.pop()
            kept.append((-end, label))
            node += node & -node

    def last(self, start: int, end: int) -> int | None:
        """The label of the span noted last, of those noted with rising labels, that covers one whose start is asked."""
        found: int | None = None
        node = bisect_left(self._starts, start) + 1
        while node:
            kept = self._nodes[node]
            at = bisect_left(kept, (-end + 1,)) - 1
            if at >= 0 and (found is None or kept[at][1] > found):
                found = kept[at][1]
            node -= node & -node
        return found
