"""Runs labs, each in a process of its own, several at a time; brings their traces home.

A lab's process dies with this one (``PR_SET_PDEATHSIG``), and with it go its network, its mounts and its files:
the unfinished trace is an unnamed file, so nothing of a killed run stays behind.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from testbed import extras
from testbed.errors import not_written
from testbed.interruption import TIME_IS_UP, Interruption
from testbed.lab_process import ERROR, EXIT_DONE, EXIT_NO_LAB, EXIT_PROGRAM, USUAL, Bounds, Lab, failure, live
from testbed.protocols.text import shown
from testbed.run_folder import turn
from testbed.scenario.hosts import WebmailSpec
from testbed.scenario.programs import ROOT
from testbed.scenario.scenario import Scenario
from testbed.subjects.installed import search_path, why_not
from testbed.subjects.subject import subjects
from testbed.whole_file import whole_file

TIME_LIMIT_S = 30.0
_INTERRUPT_GRACE_S = 0.8
_PROGRAM_LABS = 2
"""To each job: where programs are hosts, labs mostly wait while others compute."""

_Work = tuple[Scenario, Path]


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario after its lab has ended.

    ``trace`` is None only when nothing was captured.  ``error`` says why the lab could not be run, or how it
    died; ``no_lab`` tells the two apart.  ``cause`` is that in one line, without its place, ``line`` that of the step
    which could not be played, 0 for none.  ``by_program`` tells that a program under test may be why, which the trace
    shows.  ``skipped`` says why it was not played at all.
    """

    scenario: Scenario
    trace: Path | None
    seconds: float
    error: str = ""
    cause: str = ""
    line: int = 0
    no_lab: bool = False
    by_program: bool = False
    interrupted: bool = False
    skipped: str = ""


@dataclass(slots=True)
class _Process:
    scenario: Scenario
    destination: Path
    pid: int
    pipe: int
    trace: BinaryIO
    started: float
    deadline: float
    said: bytearray = field(default_factory=bytearray)
    heard: int = 0
    told: bool = False  # to end
    outgrown: str = ""


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
        self._running: list[_Process] = []
        self._on_progress = on_progress
        self._on_tick = on_tick
        self._why_not = why_not
        self._why_red = why_red
        self._selector = selectors.DefaultSelector()
        self._interrupted = False

    def run(self, work: Sequence[_Work]) -> Iterator[Played]:
        """Play scenarios and yield each as it ends.  Every item names where its trace goes.

        After a signal to end the running labs write what they have, and no more are begun.  No other run writes where
        the trace is until the next is asked for.  Raises UsageError or MachineError for a trace that cannot be written.
        """
        waiting = []
        for scenario, destination in work:
            if reason := self._why_red(scenario):
                yield Played(scenario, None, 0.0, error=f"{shown(scenario.file)}: {reason}", cause=reason)
            elif reason := lacking(scenario) or self._why_not(scenario):
                yield Played(scenario, None, 0.0, skipped=reason)
            else:
                waiting.append((scenario, destination))
        running = self._running
        with contextlib.ExitStack() as ending:
            ending.callback(self._kill_all)
            heard = self._interruption or ending.enter_context(Interruption())
            heard.listen(self._interrupt)
            while running or (waiting and not self._interrupted):
                while (following := self._following(waiting)) is not None:
                    running.append(self._start(*waiting.pop(following)))
                    if self._interrupted:  # it came while the lab was started
                        self._interrupt()
                for process in self._ended(running):
                    running.remove(process)
                    caught = os.fstat(process.trace.fileno()).st_size
                    with turn(process.destination.parent) if caught else contextlib.nullcontext():
                        yield self._finish(process)

    def _following(self, waiting: Sequence[_Work]) -> int | None:
        """Which is the first for which there is room; labs in which programs are hosts are counted apart."""
        if self._interrupted or (self._jobs == 1 and self._running):
            return None
        programs = sum(process.scenario.has_programs for process in self._running)
        room = {True: self._jobs * _PROGRAM_LABS > programs, False: self._jobs > len(self._running) - programs}
        return next((place for place, (scenario, _) in enumerate(waiting) if room[scenario.has_programs]), None)

    def stop(self) -> None:
        """Ask the labs that run to end now; each is whole, or an error when it cannot within its grace."""
        for process in self._running:
            process.deadline = min(process.deadline, time.monotonic() + self._grace_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)

    def traces_so_far(self) -> Iterator[Path]:
        """Where the traces of the labs that run can be read, as far as they are written."""
        return (Path(f"/proc/self/fd/{process.trace.fileno()}") for process in self._running)

    def _interrupt(self) -> None:
        self._interrupted = True
        for process in self._running:
            process.told = True
        self.stop()

    def _start(self, scenario: Scenario, destination: Path) -> _Process:
        trace = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _finish
        read_end, write_end = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(read_end)
            live(self._lab, scenario, self._bounds, trace, write_end, parent)
        os.close(write_end)
        now = time.monotonic()
        process = _Process(scenario, destination, pid, read_end, trace, now, now + self._time_limit_s)
        self._selector.register(read_end, selectors.EVENT_READ, process)
        return process

    def _ended(self, running: list[_Process]) -> Iterator[_Process]:
        nearest = min(process.deadline for process in running)
        ready = self._selector.select(min(0.1, max(0.0, nearest - time.monotonic())))
        speaking = [key.data.pid for key, _ in ready]
        for process in running:
            if process.pid not in speaking:  # who has ended while somebody else was judged is not late
                self._hold_to_bounds(process)
        for key, _ in ready:
            process = key.data
            data = os.read(process.pipe, 65536)
            if not data:
                yield process
                continue
            process.said += data
            progress = process.said.partition(ERROR)[0].decode(errors="replace").splitlines()
            for line in progress[process.heard :]:
                self._on_progress(process.scenario, line)
            process.heard = len(progress)
        self._on_tick()

    def _hold_to_bounds(self, process: _Process) -> None:
        """Ask a lab whose time is up, or whose trace is too long, to write what it has; then kill it."""
        if not process.told and os.fstat(process.trace.fileno()).st_size > self._bounds.trace:
            process.outgrown = f"its trace has more than {self._bounds.trace >> 20:,} MiB"
            process.deadline = 0.0
        if time.monotonic() > process.deadline:
            late = time.monotonic() >= process.started + self._time_limit_s
            asking = TIME_IS_UP if late and not process.outgrown else signal.SIGTERM
            os.kill(process.pid, signal.SIGKILL if process.told else asking)
            process.told = True
            process.deadline = time.monotonic() + self._grace_s

    def _finish(self, process: _Process) -> Played:
        self._selector.unregister(process.pipe)
        os.close(process.pipe)
        _, status = os.waitpid(process.pid, 0)
        seconds = time.monotonic() - process.started
        trace = self._bring_home(process)
        code = os.waitstatus_to_exitcode(status)
        told = process.told and (code == EXIT_DONE or code < 0)  # and it has not failed by itself
        error, cause, line = "", "", 0
        if self._interrupted:
            pass  # however it ended, it was told to
        elif process.outgrown:
            error = cause = f"the lab was stopped: {process.outgrown}"
        elif told:
            limit = min(self._time_limit_s, seconds)  # a lab without limit was told to end, and did not
            error = cause = f"the lab was stopped after {limit:.0f} s of real time"
        elif code != EXIT_DONE:
            error, cause, line = failure(process.said.partition(ERROR)[2], code)
        return Played(
            process.scenario,
            trace,
            seconds,
            error=error,
            cause=cause,
            line=line,
            no_lab=code == EXIT_NO_LAB,
            by_program=bool(error) and (code == EXIT_PROGRAM or (told and not process.outgrown)),
            interrupted=self._interrupted,
        )

    def _bring_home(self, process: _Process) -> Path | None:
        with process.trace as source:
            if not source.seek(0, os.SEEK_END):
                return None
            source.seek(0)
            try:
                process.destination.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(process.destination) as target:
                    shutil.copyfileobj(source, target)
            except OSError as error:
                raise not_written(f"{process.destination}: the trace cannot be written", error) from error
        return process.destination

    def _kill_all(self) -> None:
        for process in self._running:
            self._kill(process)
        self._running.clear()

    def _kill(self, process: _Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)
        os.close(process.pipe)
        process.trace.close()


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
