"""The faults of one kind at one place, and which of them is staged now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from testbed.protocols.trigger import Trigger
from testbed.scenario.faults.when import When

Fault = TypeVar("Fault", bound=When)


class FaultScript(Generic[Fault]):
    """Faults in the order of the file.

    ``now_ns`` tells the scenario time since the start, ``fired`` hears of every fault that is staged, and why that
    changes nothing, ``""`` where it does.
    """

    def __init__(
        self,
        faults: Sequence[Fault] = (),
        fired: Callable[[Fault, str], None] = lambda fault, vain: None,
        now_ns: Callable[[], int] = lambda: 0,
        seed: int = 0,
    ) -> None:
        self.faults: tuple[Fault, ...] = ()
        self._triggers: list[Trigger] = []
        self._fired = fired
        self._now_ns = now_ns
        self._seed = seed
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """One more, behind those there are."""
        self.faults = (*self.faults, fault)
        self._triggers.append(fault.trigger(self._seed))

    def remove(self, fault: Fault) -> None:
        """One less, whatever it has still to do."""
        place = next(place for place, one in enumerate(self.faults) if one is fault)
        self.faults = (*self.faults[:place], *self.faults[place + 1 :])
        del self._triggers[place]

    def first(self, applies: Callable[[Fault], bool]) -> Fault | None:
        """The first fault that applies and whose time has come, which counts as staged; None for none."""
        fault = self.found(applies)
        if fault is not None:
            self.fired(fault)
        return fault

    def found(self, applies: Callable[[Fault], bool]) -> Fault | None:
        """The same of a fault of which it is told later (:meth:`fired`) whether it has changed anything.

        An event is one to every fault that applies, whichever of them strikes.
        """
        staged: Fault | None = None
        for fault, trigger in zip(self.faults, self._triggers, strict=True):
            if not applies(fault):
                continue
            if staged is not None:
                trigger.passes(self._now_ns())
            elif trigger.strikes(self._now_ns()):
                staged = fault
        return staged

    def fired(self, fault: Fault, vain: str = "") -> None:
        """A fault is staged; ``vain`` says why it changes nothing."""
        self._fired(fault, vain)
