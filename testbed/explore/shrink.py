"""The smallest scenario that is red for the same cause.

Each reduction is tried until none of its variants is red any more, and all of them again until none helps.  Of the
variants that are played at the same time the first in order is taken: so it makes no difference how many these are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from msgspec import Struct

from testbed.explore.candidate import FaultData
from testbed.explore.cause import breach_of
from testbed.explore.first_run import Explored
from testbed.explore.ran import Breach, Came, Order, Ran
from testbed.explore.reductions import REDUCTIONS, Reduction
from testbed.explore.variant import Variant, variant_of
from testbed.scenario.problems import ScenarioError

MOST_PLAYS = 60
_TRIES = 3  # of the whole: programs of several processes are not the same in every run

Play = Callable[[Iterable[Order]], Iterator[Ran | None]]
"""As a crew plays: :meth:`testbed.crew.crew.Crew.play`, whose work is to play variants."""


class Shrunk(Struct, frozen=True):
    """The smallest that was found.

    ``ran`` is a run of ``variant``, None where not even the whole was red again.  It took so many ``plays``;
    ``all_tried`` tells whether nothing more was left to try.
    """

    cause: str
    variant: Variant
    ran: Ran | None
    plays: int
    all_tried: bool

    @property
    def breach(self) -> Breach | None:
        """What was broken in its run."""
        return breach_of(self.ran, self.cause) if self.ran is not None else None


def shrink(
    explored: Explored,
    faults: Sequence[FaultData],
    wanted: str,
    play: Play,
    most_plays: int = MOST_PLAYS,
    over: Callable[[], bool] = lambda: False,
) -> Shrunk:
    """Make a scenario that was red with faults as small as it stays red for the wanted cause.

    ``over`` is asked before each play whether somebody has had enough.
    """
    return _Shrinking(explored, wanted, play, most_plays, over).shrunk(faults)


@dataclass(slots=True)
class _Shrinking:
    explored: Explored
    wanted: str
    play: Play
    most_plays: int
    over: Callable[[], bool]
    plays: int = 0
    ran: Ran | None = None
    _tried: set[str] = field(default_factory=set)

    def shrunk(self, faults: Sequence[FaultData]) -> Shrunk:
        whole = variant_of(self.explored, faults)
        if not any(self._is_red_again(whole) for _ in range(_TRIES)):
            return Shrunk(self.wanted, whole, None, self.plays, True)
        variant, before = whole, None
        while variant != before:
            before = variant
            for reduction in REDUCTIONS:
                variant = self._reduced(variant, reduction)
        return Shrunk(self.wanted, variant, self.ran, self.plays, self.plays < self.most_plays and not self.over())

    def _is_red_again(self, variant: Variant) -> bool:
        self._tried.discard(variant.key)
        return self._first_red([variant]) is not None

    def _reduced(self, variant: Variant, reduction: Reduction) -> Variant:
        while (smaller := self._first_red(reduction(variant))) is not None:
            variant = smaller
        return variant

    def _first_red(self, variants: Iterable[Variant]) -> Variant | None:
        """The first that is red for the cause, as far as there are plays left."""
        ordered: list[Variant] = []
        found: dict[int, Ran] = {}

        def orders() -> Iterator[Order]:
            for variant in variants:
                if found or self.plays + len(ordered) >= self.most_plays or self.over():
                    return
                if variant.key not in self._tried and self._can_be(variant):
                    self._tried.add(variant.key)
                    ordered.append(variant)
                    yield Order(len(ordered) - 1, variant.faults, data=variant.data)

        for ran in self.play(orders()):
            if ran is not None and self._is_red(ran):
                found[ran.number] = ran
        if not found:
            self.plays += len(ordered)
            return None
        first = min(found)
        self.plays += first + 1
        self._tried.difference_update(variant.key for variant in ordered[first + 1 :])
        self.ran = replace(found[first], number=0)
        return ordered[first]

    def _can_be(self, variant: Variant) -> bool:
        try:
            Explored(self.explored.scenario, variant.data).with_faults(variant.faults)
        except ScenarioError:
            return False
        return True

    def _is_red(self, ran: Ran) -> bool:
        """Whether it is red for the cause, with every fault at work."""
        return ran.came is Came.RED and all(ran.reached) and breach_of(ran, self.wanted) is not None
