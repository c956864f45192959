"""The process of a program that plays a host: started, awaited, held to its bounds, told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from testbed.durations import SECOND
from testbed.errors import ProgramError, StepError, reason
from testbed.hosts.site import Site
from testbed.lab.context import LabContext
from testbed.lab.program_bounds import ProgramWatch, killed_for_memory
from testbed.lab.program_output import ProgramOutput
from testbed.net.program_namespace import FROM_ANYWHERE
from testbed.net.program_process import KILL, start_confined
from testbed.net.real_time import real_sleep
from testbed.protocols import events
from testbed.protocols.text import shown
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.program_hosts import filled, ports_of

MAX_LINES = 2_000
_POLL_S = 0.01  # how often it is looked whether the program listens
_REACHED_AFTER = 100  # such looks at most, a second, or a part of it is out of reach
_AT_ONCE_S = 0.2  # to end when there is no time
_WORTH_TELLING_S = 0.5  # without a processor
_NOT_FOUND = (126, 127)  # with these statuses shells and their kin say that there is no such program
_KILLED = 128 + signal.SIGKILL


class HostedProgram:
    """``ended()`` is called when it is no more, however it has ended."""

    def __init__(self, lab: LabContext, site: Site, ended: Callable[[], None]) -> None:
        self.namespace = lab.network.namespaces[site.name]
        self._lab = lab
        self._loop = lab.loop
        self._spec: HostSpec = lab.scenario.hosts[site.name]
        self._site = site
        self._tell_ended = ended
        self._clock = lab.clock_of(site.name)
        self._output = ProgramOutput(site.log, MAX_LINES)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = self._pidfd = -1
        self._ended = asyncio.Event()
        self._serves = self._stopping = False
        self._watch: ProgramWatch | None = None
        self._watching: asyncio.Task[None] | None = None
        self._killed_before = killed_for_memory()  # anywhere on the machine

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its arguments, placeholders filled in."""
        facts = self._lab.programs.facts(self._site.name)
        return tuple(filled(word, facts) for word in self._spec.command or ())

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and not self._ended.is_set()

    @property
    def time_is_real(self) -> bool:
        """Whether it lives in real time."""
        return self._clock is None

    async def start(self) -> None:
        """Start it, and return when it listens, or has been told to end.  Raises StepError, ProgramError."""
        try:
            self._start()
            await self._listening()
            await self._reached()
            self._serves = True
        except StepError:
            self.kill()
            raise

    async def stop(self, *, at_once: bool) -> None:
        """Tell it to end (SIGTERM), and kill it with all it has started when it does not."""
        self._stopping = True
        process = self._process
        if process is not None and self.alive:
            limit_s = _AT_ONCE_S if at_once else self._spec.stop_within / SECOND
            if self._watch is not None:
                self._watch.look()  # what it waited for before is not held to its account
                self._tell_starved(self._watch.waited_s)
            told = time.monotonic()
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), limit_s)
            heeded = self._ended.is_set()
            waited_s = 0.0 if heeded or at_once else limit_s
            if waited_s:
                self.tell_condition(time.monotonic() - told)
            self.kill()
            status = _status(process)
            how = "is stopped" if heeded else "does not heed SIGTERM, and is killed"
            what = f"{self.command[0]} {how}: exit status {status}"
            self._site.log(events.Stopped(status=status, waited=waited_s), what)
        self.kill()

    def kill(self) -> None:
        """Kill it with all it has started."""
        self._stopping = True
        if self._process is not None and not self._ended.is_set():
            self._process.send_signal(KILL)
            self._process.wait()
            self._loop.remove_reader(self._pidfd)
            self._ended.set()
        self._close()

    def tell_condition(self, seconds: float) -> None:
        """Log what it is about, and whether it had the machine for the last seconds."""
        if self._watch is not None and self.alive:
            now = self._watch.look()
            starved = round(self._watch.starved(seconds), 3)
            self._site.log(
                events.Condition(state=now.state, cpu_seconds=round(now.cpu_s, 2), starved=starved),
                f"the program {now.state}; it has used {now.cpu_s:.2f} s of processor time",
            )

    def _tell_starved(self, seconds: float) -> None:
        if self.time_is_real and seconds >= _WORTH_TELLING_S:
            what = f"{self.command[0]} has waited {seconds:.1f} s for a processor of this busy machine"
            self._site.log(events.Starved(seconds=round(seconds, 3)), what)

    # -- its life ------------------------------------------------------------------------------------

    def _start(self) -> None:
        lab, name, command = self._lab, self._site.name, self.command
        self._pipe, writing = os.pipe()
        os.set_blocking(self._pipe, False)
        environment = lab.programs.environment(name)
        library = self._clock.library() if self._clock is not None else None
        enter = self.namespace.enter
        try:
            self._process = start_confined(
                command, environment, lab.folder, writing, lab.confinement(name, library), lambda: enter(name)
            )
        except OSError as error:
            raise StepError(self._complaint(_cannot(command[0], error))) from error
        finally:
            os.close(writing)
        if self._clock is not None and library is not None:
            self._clock.watch(self._process.pid, library)
        self._loop.add_reader(self._pipe, self._output.read, self._pipe)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._pidfd, self._has_ended)
        self._watch = ProgramWatch(self._process.pid, lambda: self._output.octets)
        self._watching = asyncio.ensure_future(self._hold_to_bounds(self._watch))
        ports, time = ", ".join(map(str, ports_of(self._spec))), "real" if self.time_is_real else "scenario"
        mailboxes, seen = lab.programs.mailboxes(name), lab.programs.knows_maildirs(name)
        self._site.log(
            events.Started(
                command=" ".join(command),
                mailboxes=mailboxes if seen else (),
                takes=() if seen else mailboxes,
                time=time,
            ),
            f"{command[0]} runs in {time} time" + (f", and is to listen on {ports}" if ports else ""),
        )

    async def _hold_to_bounds(self, watch: ProgramWatch) -> None:
        found = await watch.excess()
        self._site.log(
            events.Exhausted(command=" ".join(self.command), what=found.what, octets=found.octets),
            f"{self.command[0]} {found}, and is killed",
        )
        self.kill()

    async def _listening(self) -> None:
        limit_s = self._spec.ready_within / SECOND
        until = self._loop.time() + limit_s
        while missing := self._deaf():
            if self._stopping:
                return
            if self._ended.is_set():
                status = _status(self._process) if self._process else 0
                what = f"ended with status {status} before it listened on {missing[0]}"
                what += "" if status else "; a program must stay in the foreground"
                if status in _NOT_FOUND:
                    raise StepError(self._complaint(what))
                self._fail(what, out_of_memory=self._out_of_memory(status))
            if self._loop.time() >= until:
                self.tell_condition(limit_s)
                self._fail(f"does not listen on {missing[0]} within {limit_s:g} s{missing[1]}", seconds=limit_s)
            await asyncio.sleep(_POLL_S)

    async def _reached(self) -> None:
        """Leave it in real time where part of it has not loaded what gives it scenario time."""
        clock, process = self._clock, self._process
        if clock is None or process is None:
            return
        for _ in range(_REACHED_AFTER):
            if clock.reaches(process.pid):
                return
            await real_sleep(_POLL_S)  # a process that another has begun loads it in a moment
        clock.forget(process.pid)
        self._clock = None
        self._site.log(
            events.TimeIsReal(command=" ".join(self.command)),
            f"{self.command[0]} lives in real time: a part of it does not load the library for scenario time",
        )

    def _deaf(self) -> tuple[str, str] | None:
        """The first port where nobody can reach the program, and what could be the matter; None when all is well."""
        wanted = [("tcp", port) for port in ports_of(self._spec)]
        if isinstance(self._spec, NameServerSpec):
            wanted += [("udp", 53)]
        found = self.namespace.listeners() if wanted else []
        for transport, port in wanted:
            at = [address for kind, address, other in found if (kind, other) == (transport, port)]
            if not set(at) & {*FROM_ANYWHERE, *self.namespace.addresses}:
                others = sorted({other for kind, _, other in found if kind == transport})
                hint = f"; only on {at[0]}, where no other host reaches it" if at else ""
                hint = hint or (f"; but on {', '.join(map(str, others[:5]))}" if others else "")
                return f"{transport.upper()} port {port}", hint
        return None

    def _has_ended(self) -> None:
        """The keeper has ended, and with it everything the program had started."""
        self._loop.remove_reader(self._pidfd)
        self._ended.set()
        if self._process is None:
            return
        status = _status(self._process)
        self._close()
        if self._serves and not self._stopping:
            killed = self._out_of_memory(status)
            event = events.Exited(
                command=" ".join(self.command), status=status, plays=self._site.name, out_of_memory=killed
            )
            self._site.log(event, f"{self.command[0]} exits with status {status}, while the lab goes on")

    def _close(self) -> None:
        """Let go of a program that is no more."""
        for descriptor in (self._pipe, self._pidfd):
            if descriptor >= 0:
                self._loop.remove_reader(descriptor)
        if self._pipe >= 0:
            self._output.read(self._pipe)
            self._output.end()
            os.close(self._pipe)
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self._pipe = self._pidfd = -1
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        if self._clock is not None and self._process is not None:
            self._clock.forget(self._process.pid)
        self._tell_ended()

    # -- what is said of it --------------------------------------------------------------------------

    def _out_of_memory(self, status: int) -> int:
        """How many processes the kernel has killed since this was started, for want of memory, if it may be one."""
        return killed_for_memory() - self._killed_before if status == _KILLED else 0

    def _fail(self, what: str, *, seconds: float = 0.0, out_of_memory: int = 0) -> NoReturn:
        event = events.NotServing(command=" ".join(self.command), seconds=seconds, out_of_memory=out_of_memory)
        self._site.log(event, f"the program {what}")
        raise ProgramError(self._complaint(what))

    def _complaint(self, what: str) -> str:
        if self._pipe >= 0:
            self._output.read(self._pipe)
        last = f"; its last output was '{self._output.last}'" if self._output.last else ""
        return f"{shown(self._lab.scenario.file)}: {self._site.name}: the program '{self.command[0]}' {what}{last}"


def _status(process: subprocess.Popen[bytes]) -> int:
    """Its exit status; 128 and the signal's number for one that was killed."""
    code = process.wait()
    return code if code >= 0 else 128 - code


def _cannot(name: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"is not here; install it, or say 'needs: [{Path(name).name}]' to skip the scenario where it is missing"
    return f"cannot be run: {reason(error)}"
