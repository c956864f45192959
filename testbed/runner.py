"""Runs labs in processes of their own, several at a time; brings their traces home, and has an account made of each.

A process of labs dies with this one (``PR_SET_PDEATHSIG``), and with it go the network, the mounts and the files of
its lab: the unfinished trace is an unnamed file, so nothing of a killed run stays behind.  It plays one lab after the
other while all goes well, for a fresh one has to copy every page that it touches.  Where programs of the user's run,
each lab has one of its own.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

from testbed import extras
from testbed.interruption import Interruption
from testbed.lab_line import Accounted, Ended, Says
from testbed.lab_process import USUAL, Bounds, Lab, MakeAccount
from testbed.lab_worker import Worker
from testbed.played import Played
from testbed.protocols.text import shown
from testbed.run_folder import Turns
from testbed.scenario.hosts import WebmailSpec
from testbed.scenario.programs import ROOT
from testbed.scenario.scenario import Scenario
from testbed.subjects.installed import search_path, why_not
from testbed.subjects.subject import subjects

TIME_LIMIT_S = 30.0
_INTERRUPT_GRACE_S = 0.8
_PROGRAM_LABS = 2
"""To each job: where programs are hosts, labs mostly wait while others compute."""

T = TypeVar("T")
_Work = tuple[Scenario, Path]


def usual_jobs() -> int:
    """How many labs run at a time when nobody says: one more than there are cores, for the kernel's timers are real."""
    return len(os.sched_getaffinity(0)) + 1


class Runner:
    """``on_progress(scenario, line)`` hears every line a lab tells; it may not block.

    ``why_not(scenario)`` says why a scenario is skipped, ``why_red(scenario)`` why it is an error unplayed, ``""`` for
    one that is played.

    ``grace_s`` is how long a lab may take to end that was told to, by :meth:`stop` or by a signal that ``interruption``
    hears of, which whoever gives one has entered.
    """

    def __init__(
        self,
        lab: Lab,
        *,
        jobs: int,
        time_limit_s: float = TIME_LIMIT_S,
        bounds: Bounds = USUAL,
        grace_s: float = _INTERRUPT_GRACE_S,
        interruption: Interruption | None = None,
        on_progress: Callable[[Scenario, str], None] = lambda scenario, line: None,
        on_tick: Callable[[], None] = lambda: None,
        why_not: Callable[[Scenario], str] = lambda scenario: "",
        why_red: Callable[[Scenario], str] = lambda scenario: "",
    ) -> None:
        self._lab = lab
        self._jobs = jobs
        self._time_limit_s = time_limit_s
        self._bounds = bounds
        self._grace_s = grace_s
        self._interruption = interruption
        self._busy: list[Worker] = []
        self._idle: list[Worker] = []
        self._on_progress = on_progress
        self._on_tick = on_tick
        self._why_not = why_not
        self._why_red = why_red
        self._selector: selectors.BaseSelector
        self._interrupted = False

    def run(self, work: Sequence[_Work]) -> Iterator[Played]:
        """Play scenarios and yield each as it ends.  Every item names where its trace goes.

        After a signal to end the running labs write what they have, and no more are begun.  Raises UsageError or
        MachineError for a trace that cannot be written.
        """
        return self.accounts(work, lambda played: played)

    def accounts(self, work: Sequence[_Work], account: Callable[[Played], T]) -> Iterator[T]:
        """Play scenarios, and yield what ``account`` makes of each, as it ends; the rest is as for :meth:`run`.

        It is made in the process that played the lab, so that no core waits for another, and crosses by pickle; here
        where that process is dead, or where an exception came of it there.  Meanwhile no other run writes where the
        trace is.
        """
        scenarios = [scenario for scenario, _ in work]
        waiting = []
        for number, (scenario, _) in enumerate(work):
            if reason := self._why_red(scenario):
                yield account(Played(scenario, None, 0.0, error=f"{shown(scenario.file)}: {reason}", cause=reason))
            elif reason := lacking(scenario) or self._why_not(scenario):
                yield account(Played(scenario, None, 0.0, skipped=reason))
            else:
                waiting.append(number)
        with contextlib.ExitStack() as ending:
            self._selector = ending.enter_context(selectors.DefaultSelector())
            ending.callback(self._end_all)
            turns = ending.enter_context(contextlib.closing(Turns()))
            heard = self._interruption or ending.enter_context(Interruption())
            heard.listen(self._interrupt)
            while self._busy or (waiting and not self._interrupted):
                while (following := self._following(waiting, scenarios)) is not None:
                    number = waiting.pop(following)
                    worker = self._free(scenarios[number]) or self._started(account, scenarios)
                    self._busy.append(worker)
                    worker.play(number, work[number][1], self._time_limit_s)
                    if self._interrupted:  # it came while the lab was started
                        self._interrupt()
                for worker, said in self._heard():
                    if worker.played is None:
                        if worker.caught:
                            turns.take(worker, worker.destination.parent)
                        worker.over(said if isinstance(said, Ended) else None, interrupted=self._interrupted)
                        if isinstance(said, Ended) and worker.account():
                            continue
                    assert worker.played is not None
                    if isinstance(said, Accounted) and not said.failed:
                        yield cast(T, said.account)
                    else:
                        yield account(worker.played)
                    turns.give(worker)
                    self._let_go(worker, alive=said is not None)

    def _following(self, waiting: Sequence[int], scenarios: Sequence[Scenario]) -> int | None:
        """Which is the first for which there is room; labs in which programs are hosts are counted apart."""
        if self._interrupted or (self._jobs == 1 and self._busy):
            return None
        programs = sum(worker.scenario.has_programs for worker in self._busy)
        room = {True: self._jobs * _PROGRAM_LABS > programs, False: self._jobs > len(self._busy) - programs}
        return next((at for at, number in enumerate(waiting) if room[scenarios[number].has_programs]), None)

    def _free(self, scenario: Scenario) -> Worker | None:
        """One that has nothing to do; of those that are no use to the next, one ends, as it may be one too many."""
        if not self._idle:
            return None
        worker = self._idle.pop()
        if not scenario.is_code:
            return worker
        self._end(worker)
        return None

    def _started(self, account: MakeAccount, scenarios: Sequence[Scenario]) -> Worker:
        worker = Worker(self._lab, account, scenarios, self._bounds)
        self._selector.register(worker.line, selectors.EVENT_READ, worker)
        return worker

    def stop(self) -> None:
        """Ask the labs that run to end now; each is whole, or an error when it cannot within its grace."""
        for worker in self._busy:
            worker.tell_to_end(self._grace_s)

    def traces_so_far(self) -> Iterator[Path]:
        """Where the traces of the labs that run can be read, as far as they are written."""
        return (worker.trace for worker in self._busy if worker.played is None)

    def _interrupt(self) -> None:
        self._interrupted = True
        for worker in self._busy:
            worker.tell_to_end(self._grace_s, told=True)

    def _heard(self) -> Iterator[tuple[Worker, Ended | Accounted | None]]:
        """What busy workers say, but for progress; None for one that is dead."""
        nearest = min((worker.deadline for worker in self._busy), default=0.0)
        ready = [key.data for key, _ in self._selector.select(min(0.1, max(0.0, nearest - time.monotonic())))]
        for worker in self._busy:
            if worker not in ready:  # who has ended while somebody else was judged is not late
                worker.hold_to_bounds(self._grace_s)
        for worker in ready:
            try:
                said = worker.line.hear()
            except (EOFError, OSError):
                said = None
            if isinstance(said, Says):
                self._on_progress(worker.scenario, said.line)
            elif worker in self._idle:
                self._idle.remove(worker)
                self._end(worker)
            else:
                yield worker, said
        self._on_tick()

    def _let_go(self, worker: Worker, *, alive: bool) -> None:
        self._busy.remove(worker)
        if alive and worker.reusable:
            self._idle.append(worker)
        else:
            self._end(worker)

    def _end(self, worker: Worker) -> None:
        self._selector.unregister(worker.line)
        worker.close()

    def _end_all(self) -> None:
        for worker in (*self._busy, *self._idle):
            self._end(worker)
        self._busy.clear()
        self._idle.clear()


def lacking(scenario: Scenario) -> str:
    """What a scenario needs that is not there, in words; nothing when all is."""
    needs, path = scenario.needs, search_path()
    if missing := [name for name in needs if name != ROOT and shutil.which(name, path=path) is None]:
        return f"it needs {', '.join(missing)}, not installed here"
    if ROOT in needs and (os.geteuid() != 0 or _single_user()):
        return "it needs to be run as root: its programs change to users of their own"
    if any(isinstance(host, WebmailSpec) for host in scenario.hosts.values()) and (wanted := extras.lacking("web")):
        return f"it has a web mail: {wanted}"
    ready_made = {host.program for host in scenario.hosts.values() if host.program is not None}
    return next(filter(None, (why_not(subjects()[name]) for name in sorted(ready_made))), "")


def _single_user() -> bool:
    """Whether there is but one user here, as in a user namespace made without root's rights."""
    lines = Path("/proc/self/uid_map").read_text("ascii").splitlines()
    return sum(int(line.split()[2]) for line in lines) == 1
