"""The scenario that is explored, and its run without any more faults than it has itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from testbed.explore.candidate import Candidate, FaultData
from testbed.scenario.problems import ScenarioError
from testbed.scenario.rewritten import Data, data_of, rewritten
from testbed.scenario.scenario import Scenario

_SETTLE = "6d"  # RFC 5321 §4.5.4.1: who gives up does so after four or five days

_WHEN = frozenset(("nth", "from", "until"))


@dataclass(frozen=True, slots=True)
class Explored:
    """A scenario to be explored.  ``data`` is what it says, but for what it expects: only what always holds is judged.
    What it expects it foresees all the same: that breaks no rule.

    ``candidates`` are what its run without faults offers to try, ``digest`` is how that run went; both are empty before
    it has been played.  ``known`` are the causes of red that it needs no fault for: other runs are not red for these.
    """

    scenario: Scenario
    data: Data
    candidates: tuple[Candidate, ...] = ()
    digest: str = ""
    known: frozenset[str] = frozenset()
    _allowed: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def with_faults(self, faults: Sequence[FaultData]) -> Scenario:
        """The scenario with faults besides its own.  Raises ScenarioError where these cannot be in it."""
        own = self.data.get("faults") or []
        assert isinstance(own, list)
        return rewritten(self.scenario, {**self.data, "faults": [*own, *faults]})

    @property
    def own_faults(self) -> int:
        """How many faults it has itself; they come first."""
        own = self.data.get("faults")
        return len(own) if isinstance(own, list) else 0

    def allows(self, candidate: Candidate) -> bool:
        """Whether the scenario can have such a fault, whenever it is.

        To find out takes milliseconds, and a run offers thousands that differ in their time only: it is remembered.
        """
        if not self._allowed:
            self._allowed.update((_whenever(known.fault), True) for known in self.candidates)
        fault = _whenever(candidate.fault)
        if fault not in self._allowed:
            self._allowed[fault] = self._has_room_for(candidate.fault)
        return self._allowed[fault]

    def _has_room_for(self, fault: FaultData) -> bool:
        try:
            self.with_faults([fault])
        except ScenarioError:
            return False
        return True


def _whenever(fault: FaultData) -> str:
    return repr(sorted((word, said) for word, said in fault.items() if word not in _WHEN))


def explored(scenario: Scenario) -> Explored:
    """A scenario that waits until all mail is settled, whatever it expects itself."""
    data = data_of(scenario)
    for key in ("expect", "ours"):
        data.pop(key, None)
    return Explored(scenario, {"settle": _SETTLE, **data})
