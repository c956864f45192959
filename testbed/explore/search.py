"""Which faults are tried together: all alone, then all pairs and a sample of triples, the most promising first.

What a finished run makes superfluous is left out:

- Faults that came to the same (``Ran.effect``) are one; the most promising stands for all of them.
- A fault whose point another one's run does not have cannot strike together with it.
- What is red alone is not tried with others, as it would be red with them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import msgspec

from testbed.explore.candidate import Candidate
from testbed.explore.ran import Came, Ran
from testbed.explore.tried import Faults

TRIPLES = 1_000
_OF_NO_EFFECT = (Came.UNNOTICED, Came.NEVER_REACHED, Came.NOT_OVER)


class Phase(msgspec.Struct, frozen=True):
    """Faults to be tried in this order; ``superfluous`` is how many more there would be, by why they are left out."""

    name: str
    tries: Sequence[Faults]
    superfluous: Counter[str] = msgspec.field(default_factory=Counter)


@dataclass(slots=True)
class Search:
    """The phases of an exploration; each goes by what :meth:`note` was told of those before.

    ``first`` is the run without faults, ``depth`` how many faults are tried together, at most three.  ``same`` are the
    keys of faults that were tried before at points that are as they were: they come last.
    """

    first: Ran
    depth: int
    seed: int
    triples: int = TRIPLES
    same: frozenset[str] = frozenset()
    _singles: dict[str, tuple[Candidate, Ran]] = field(default_factory=dict, init=False)
    _red: list[frozenset[str]] = field(default_factory=list, init=False)

    def phases(self) -> Iterator[Phase]:
        """Ask for the next when all of the last has been tried, or nobody wants more."""
        yield Phase("single faults", [(one,) for one in sorted(self.first.opened, key=self._single)])
        if self.depth < 2:
            return
        standing, merged = self._standing()
        yield self._pairs(standing, merged)
        if self.depth > 2:  # a sample, so that there is time for it
            yield Phase("triples", list(self._sampled(standing)))
        yield self._opened(standing)

    def note(self, faults: Faults, ran: Ran) -> None:
        """What came of a try."""
        if len(faults) == 1:
            self._singles[faults[0].key] = faults[0], ran
        if ran.came is Came.RED:
            self._red.append(frozenset(fault.key for fault in faults))

    def _standing(self) -> tuple[list[tuple[Candidate, Ran]], int]:
        """The faults that stand for all that came to the same, and how many those are; the most promising first."""
        found: dict[str, tuple[Candidate, Ran]] = {}
        others = 0
        for candidate, ran in sorted(self._singles.values(), key=lambda one: _promising(one[0])):
            if ran.came is Came.RED:
                continue
            if ran.came in _OF_NO_EFFECT or ran.effect == self.first.effect or ran.effect in found:
                others += 1
            else:
                found[ran.effect] = candidate, ran
        return list(found.values()), others

    def _pairs(self, standing: Sequence[tuple[Candidate, Ran]], merged: int) -> Phase:
        every = len(standing) + merged
        left_out = Counter({"came to the same as another fault": every * (every - 1) // 2})
        tries = []
        for (one, ran), (other, second) in combinations(standing, 2):
            left_out["came to the same as another fault"] -= 1
            if one.point == other.point or str(other.point) not in ran.points or str(one.point) not in second.points:
                left_out["cannot both strike"] += 1
            else:
                tries.append((one, other))
        return Phase("pairs", sorted(tries, key=self._rank), left_out)

    def _opened(self, standing: Sequence[tuple[Candidate, Ran]]) -> Phase:
        """A fault, and another at a point that there only is because of it: at its retry, at its bounce."""
        worth = {(one.point.what, one.deed) for one, _ in standing}
        known = {one.point.what for one, _ in self._singles.values()}
        tries, left_out = [], 0
        for one, ran in standing:
            for other in ran.opened:
                if other.point.what in known and (other.point.what, other.deed) not in worth:
                    left_out += 1
                else:
                    tries.append((one, other))
        return Phase(
            "faults at what a fault leads to",
            sorted(tries, key=self._rank),
            Counter({"came to the same as another fault": left_out}),
        )

    def _single(self, candidate: Candidate) -> tuple[bool, int, str]:
        return candidate.key in self.same, *_promising(candidate)

    def _rank(self, faults: Faults) -> tuple[bool, int]:
        return all(fault.key in self.same for fault in faults), sum(fault.point.rank for fault in faults)

    def _sampled(self, standing: Sequence[tuple[Candidate, Ran]]) -> Iterator[Faults]:
        chance = random.Random(self.seed)
        seen: set[frozenset[str]] = set()
        for _ in range(20 * self.triples):
            if len(seen) == self.triples or len(standing) < 3:
                return
            three = sorted(chance.sample(list(standing), 3), key=lambda one: _promising(one[0]))
            keys = frozenset(one.key for one, _ in three)
            apart = all(
                one.point != other.point and str(other.point) in ran.points and str(one.point) in second.points
                for (one, ran), (other, second) in combinations(three, 2)
            )
            if keys not in seen and apart and not any(red <= keys for red in self._red):
                seen.add(keys)
                yield tuple(one for one, _ in three)


def _promising(candidate: Candidate) -> tuple[int, str]:
    return candidate.point.rank, candidate.key
