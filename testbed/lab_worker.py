"""A process of labs as its runner sees it: started, given orders, held to its bounds, ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Pipe
from pathlib import Path

from testbed.errors import not_written
from testbed.interruption import TIME_IS_UP
from testbed.lab_line import Account, Ended, Line, Play
from testbed.lab_process import Bounds, Lab, MakeAccount, live
from testbed.played import Played
from testbed.scenario.scenario import Scenario
from testbed.whole_file import whole_file


class Worker:
    """Forked from this process, with which it ends.

    ``scenario`` is what it plays or has played last, ``played`` what became of that, None until its lab is over.  The
    trace is an unnamed file until it is brought home, so nothing stays behind of a run that is killed.
    """

    def __init__(self, lab: Lab, account: MakeAccount, scenarios: Sequence[Scenario], bounds: Bounds) -> None:
        self._scenarios = scenarios
        self._bounds = bounds
        self._trace = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed in end
        own, its = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            own.close()
            live(lab, account, scenarios, bounds, self._trace.fileno(), Line(its, scenarios), parent)
        its.close()
        self.line = Line(own, scenarios)
        self.scenario = scenarios[0]
        self.destination = Path()
        self.played: Played | None = None
        self._reusable = True
        self._status: int | None = None  # once it is dead

    def play(self, number: int, destination: Path, time_limit_s: float) -> None:
        """Have it play a scenario; what it says is on ``line``, which is closed where it dies."""
        self.scenario, self.destination, self.played = self._scenarios[number], destination, None
        self._told, self._outgrown = False, ""
        self._time_limit_s = time_limit_s
        self._started = time.monotonic()
        self._deadline = self._started + time_limit_s
        os.ftruncate(self._trace.fileno(), 0)
        self._trace.seek(0)
        with contextlib.suppress(OSError):  # it is dead, as its line tells
            self.line.tell(Play(number))

    def account(self) -> bool:
        """Have it make an account of what it has played; False where it is dead."""
        assert self.played is not None
        try:
            self.line.tell(Account(self.played))
        except OSError:
            return False
        return True

    @property
    def reusable(self) -> bool:
        """Whether it may play another scenario: nothing went wrong, and no program was there to leave anything."""
        return self._reusable

    @property
    def caught(self) -> bool:
        """Whether there is something in its trace."""
        return os.fstat(self._trace.fileno()).st_size > 0

    @property
    def trace(self) -> Path:
        """Where its trace can be read, as far as it is written."""
        return Path(f"/proc/self/fd/{self._trace.fileno()}")

    def tell_to_end(self, grace_s: float, *, told: bool = False) -> None:
        """Ask the lab to end now; it is an error when it cannot within its grace, killed at once where ``told``."""
        if self.played is not None:
            return
        self._told = self._told or told
        self._deadline = min(self._deadline, time.monotonic() + grace_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)

    @property
    def deadline(self) -> float:
        """When it has to be looked at (time.monotonic())."""
        return self._deadline if self.played is None else float("inf")

    def hold_to_bounds(self, grace_s: float) -> None:
        """Ask a lab whose time is up, or whose trace is too long, to write what it has; then kill it."""
        if self.played is not None:
            return
        if not self._told and os.fstat(self._trace.fileno()).st_size > self._bounds.trace:
            self._outgrown = f"its trace has more than {self._bounds.trace >> 20:,} MiB"
            self._deadline = 0.0
        if time.monotonic() > self._deadline:
            late = time.monotonic() >= self._started + self._time_limit_s
            asking = TIME_IS_UP if late and not self._outgrown else signal.SIGTERM
            os.kill(self._pid, signal.SIGKILL if self._told else asking)
            self._told = True
            self._deadline = time.monotonic() + grace_s

    def over(self, ended: Ended | None, *, interrupted: bool) -> Played:
        """What became of the lab, its trace brought home; ``ended`` is None where its process is dead."""
        seconds = time.monotonic() - self._started
        status = 0 if ended is not None else self.end()
        self._reusable = not (ended is None or ended.error or self._told or self.scenario.is_code)
        trace = self._bring_home()
        dead = f"the lab died with status {status}"
        why = ended or Ended(dead, dead)
        error, cause, line, by_program = why.error, why.cause, why.line, why.by_program
        told = self._told and (status < 0 or (ended is not None and not ended.error))  # and has not failed by itself
        if interrupted:
            error = cause = ""  # however it ended, it was told to
        elif self._outgrown:
            error = cause = f"the lab was stopped: {self._outgrown}"
        elif told:
            limit = min(self._time_limit_s, seconds)  # a lab without limit was told to end, and did not
            error = cause = f"the lab was stopped after {limit:.0f} s of real time"
            by_program = True
        self.played = Played(
            self.scenario,
            trace,
            seconds,
            error=error,
            cause=cause,
            line=line if error else 0,
            no_lab=why.no_lab,
            by_program=by_program and bool(error),
            interrupted=interrupted,
        )
        return self.played

    def end(self) -> int:
        """Kill it where it lives, and give its exit code; minus the number of the signal it died of."""
        if self._status is not None:
            return self._status
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def close(self) -> None:
        """It is dead, and its trace needed no more."""
        self.end()
        self.line.close()
        self._trace.close()

    def _bring_home(self) -> Path | None:
        if not self._trace.seek(0, os.SEEK_END):
            return None
        self._trace.seek(0)
        try:
            self.destination.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.destination) as target:
                shutil.copyfileobj(self._trace, target)
        except OSError as error:
            raise not_written(f"{self.destination}: the trace cannot be written", error) from error
        return self.destination
