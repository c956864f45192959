"""Labs that a crew plays: each crosses with its scenario to whoever is free, and its trace comes home.

They are played as :class:`testbed.runner.Runner` plays them here, and accounts are made where they were played.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from msgspec import Struct

from testbed.crew.crew import Crew
from testbed.interruption import Interruption
from testbed.lab_process import USUAL, Bounds, MakeAccount
from testbed.played import Played
from testbed.protocols.text import shown
from testbed.runner import Runner
from testbed.scenario.scenario import Scenario

T = TypeVar("T")
WhyRed = Callable[[Scenario], str]


class LabOrder(Struct, frozen=True):
    """A lab that is wanted, and the name of its trace."""

    number: int
    scenario: Scenario
    kept: str


class Told(Struct, frozen=True):
    """What came of a lab: its account, packed, or why nobody could play it."""

    number: int
    account: bytes = b""
    why: str = ""


class LabWork(Struct, frozen=True):
    """How labs are played, wherever that is.  ``network`` is what ``--network`` takes, chosen where a lab is played."""

    keep: Path
    account: MakeAccount
    network: str
    time_limit_s: float
    bounds: Bounds
    why_red: WhyRed

    def begin(self) -> None:
        """Load what all labs need."""
        import testbed.lab
        import testbed.trace.inspect  # noqa: F401

    def do(self, order: LabOrder, folder: Path) -> Told:
        """Play a lab, and have its account made."""
        from testbed.lab import preload, run
        from testbed.lab.where import where

        preload([order.scenario])
        network = where(self.network).kind
        runner = Runner(
            partial(run, network=network),
            jobs=1,
            time_limit_s=self.time_limit_s,
            bounds=self.bounds,
            why_not=network.why_not,
            why_red=self.why_red,
        )
        trace = folder / order.kept
        [account] = runner.accounts([(order.scenario, trace)], self.account)
        return Told(order.number, _packed(account, order.scenario, trace))

    def not_done(self, order: LabOrder, why: str) -> Told:
        """A lab that nobody could play."""
        return Told(order.number, why=why)


class SentLabs:
    """Plays labs by a crew, as a Runner plays them here.

    ``on_tick`` is called now and then, ``why_not(scenario)`` says here why one is skipped, ``why_red(scenario)`` where
    it would be played why it is an error unplayed: it crosses by pickle.  After a signal that ``interruption`` hears
    of, no lab is begun, and those that are played are given up.
    """

    def __init__(
        self,
        crew: Crew,
        *,
        network: str,
        time_limit_s: float,
        interruption: Interruption,
        bounds: Bounds = USUAL,
        on_tick: Callable[[], None] = lambda: None,
        why_not: Callable[[Scenario], str] = lambda scenario: "",
        why_red: WhyRed,
    ) -> None:
        self._crew = crew
        self._network = network
        self._time_limit_s = time_limit_s
        self._bounds = bounds
        self._interruption = interruption
        self._on_tick = on_tick
        self._why_not = why_not
        self._why_red = why_red

    def accounts(self, work: Sequence[tuple[Scenario, Path]], account: Callable[[Played], T]) -> Iterator[T]:
        """Play scenarios, and yield what ``account`` makes of each, as it ends; all traces go to one folder.

        It is made by whoever played the lab, and crosses by pickle, as ``account`` does; here where nobody could play
        it.  Raises UsageError or MachineError for a trace that cannot be written, MachineError where the crew is gone.
        """
        orders = []
        for number, (scenario, trace) in enumerate(work):
            if reason := self._why_not(scenario):
                yield account(Played(scenario, None, 0.0, skipped=reason))
            else:
                orders.append(LabOrder(number, scenario, trace.name))
        if not orders:
            return
        [folder] = {trace.parent for _, trace in work}
        sent = LabWork(folder, account, self._network, self._time_limit_s, self._bounds, self._why_red)
        for told in self._crew.play(sent, self._wanted(orders)):
            self._on_tick()
            if self._interruption.number:
                return
            if told is None:
                continue
            scenario, trace = work[told.number]
            if told.why:
                yield account(Played(scenario, None, 0.0, error=f"{shown(scenario.file)}: {told.why}", cause=told.why))
            else:
                yield cast(T, _unpacked(told.account, scenario, trace))

    def _wanted(self, orders: Sequence[LabOrder]) -> Iterator[LabOrder]:
        return (order for order in orders if not self._interruption.number)


class _Packer(pickle.Pickler):
    """What both ends have is named: the scenario, and where its trace lies, which differs."""

    def __init__(self, out: io.BytesIO, scenario: Scenario, trace: Path) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL)
        self._scenario, self._trace, self._name = scenario, trace, str(trace)

    def persistent_id(self, value: object) -> str | None:
        if value is self._scenario:
            return "scenario"
        if isinstance(value, Path) and value == self._trace:
            return "trace"
        return "name" if isinstance(value, str) and value == self._name else None


class _Unpacker(pickle.Unpickler):
    def __init__(self, packed: bytes, scenario: Scenario, trace: Path) -> None:
        super().__init__(io.BytesIO(packed))
        self._known = {"scenario": scenario, "trace": trace, "name": str(trace)}

    def persistent_load(self, name: str) -> object:
        return self._known[name]


def _packed(account: object, scenario: Scenario, trace: Path) -> bytes:
    out = io.BytesIO()
    _Packer(out, scenario, trace).dump(account)
    return out.getvalue()


def _unpacked(packed: bytes, scenario: Scenario, trace: Path) -> object:
    return _Unpacker(packed, scenario, trace).load()
