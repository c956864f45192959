"""A host that is a program of the user's: started, awaited, watched, stopped; see docs/systems-under-test.md."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

from testbed.durations import SECOND
from testbed.errors import StepError, reason
from testbed.hosts.site import Site
from testbed.lab.context import LabContext
from testbed.lab.program_listing import list_queue
from testbed.lab.program_mailboxes_read import MailboxesRead
from testbed.lab.program_maildirs import ProgramMailboxes
from testbed.lab.program_output import ProgramOutput
from testbed.lab.program_queue import ProgramQueue
from testbed.net.program_process import KILL, start_confined
from testbed.protocols import events
from testbed.protocols.text import shown
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.hosts import NameServerSpec, UserAgentSpec
from testbed.scenario.program_hosts import filled, ports_of

MAX_LINES = 2_000
_LOOK_S = 0.05  # how often its files are looked at
_POLL_S = 0.01  # how often it is looked whether the program listens
_QUIET_S = 0.4  # so long without a packet counts as being at rest
_MAX_RESTLESS_S = 5.0
_FROM_ANYWHERE = ("0.0.0.0", "::")


class ProgramHost:
    """One party of the lab that is not ours.  While its program lives, scenario time is real."""

    def __init__(self, lab: LabContext, site: Site) -> None:
        self.namespace = lab.network.namespaces[site.name]
        self._lab = lab
        self._loop = lab.loop
        self._spec: HostSpec = lab.scenario.hosts[site.name]
        self._site = site
        self._facts = lab.programs.facts(site.name)
        self._output = ProgramOutput(site.log, MAX_LINES)
        boxes = lab.programs.stores(site.name)
        self._mailboxes = ProgramMailboxes(site, boxes, lab.programs.known_files(site.name))
        self._read = MailboxesRead(lab, site)
        reads = isinstance(self._spec, UserAgentSpec)
        self._queue = ProgramQueue(site, site.directory, lab.programs.places(site.name), reads=reads)
        self._stock_taken = False
        self._held = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = self._pidfd = -1
        self._ended = asyncio.Event()
        self._stopping = False
        self._watching: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The host's name."""
        return self._site.name

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its arguments, placeholders filled in."""
        return tuple(filled(word, self._facts) for word in self._spec.command or ())

    @property
    def alive(self) -> bool:
        """Whether the program runs."""
        return self._process is not None and not self._ended.is_set()

    async def start(self) -> None:
        """Start the program, and return when it listens.  Raises StepError when it does not."""
        self._held.enter_context(self._loop.real_time())
        try:
            self._start()
            await self._listening()
        except StepError:
            self._kill()
            raise
        self._watching = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while True:
            self._mailboxes.log_new()
            self._queue.look()
            await asyncio.sleep(_LOOK_S)

    async def settled(self) -> None:
        """Return when no packet has crossed the wire for a moment: what a program is about cannot be known."""
        until = self._loop.time() + _MAX_RESTLESS_S
        while self.alive and self._lab.wire.quiet_s() < _QUIET_S and self._loop.time() < until:
            await asyncio.sleep(_QUIET_S - self._lab.wire.quiet_s())

    async def stop(self) -> None:
        """Tell the program to end (SIGTERM), and kill it with all it has started when it does not."""
        self._stopping = True
        process = self._process
        if process is not None and self.alive:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), self._spec.stop_within / SECOND)
            how = "is stopped" if self._ended.is_set() else "does not heed SIGTERM, and is killed"
            self._kill()
            status = _status(process)
            self._site.log(events.Stopped(status=status), f"{self.command[0]} {how}: exit status {status}")
        self._kill()

    def crash(self) -> None:
        """Kill the program with all it has started."""
        self._stopping = True
        self._kill()

    async def list_queue(self) -> None:
        """Log what it says itself of its queue, where the scenario has a command for that."""
        if self._spec.holds is not None and self.alive:
            command = [filled(word, self._facts) for word in self._spec.holds]
            await list_queue(self._lab, self._site, command, lambda: self.namespace.enter(self.name))

    @property
    def is_read_at_the_end(self) -> bool:
        """Whether its mailboxes are to be read by POP3 or IMAP: nothing else shows them."""
        return self._read.wanted

    async def read_mailboxes(self) -> None:
        """Read them, and log what is there; :meth:`inventory` logs what was there the last time.

        Its queue is looked at before: a server may note headers of what it shows, and these are no mail.
        """
        self._take_stock_of_queue()
        await self._read.read(alive=self.alive)

    def inventory(self) -> None:
        """Log what lies in the mailboxes it has filled; what it holds otherwise, only it knows."""
        self._mailboxes.log_new(at_rest=True)
        self._read.inventory()
        self._mailboxes.inventory()
        self._take_stock_of_queue()

    def _take_stock_of_queue(self) -> None:
        if not self._stock_taken:
            self._stock_taken = True
            self._queue.inventory()

    # -- the program ---------------------------------------------------------------------------------

    def _start(self) -> None:
        command = self.command
        self._pipe, writing = os.pipe()
        os.set_blocking(self._pipe, False)
        try:
            self._process = start_confined(
                command,
                self._lab.programs.environment(self.name),
                self._lab.folder,
                writing,
                self._lab.confinement,
                lambda: self.namespace.enter(self.name),
            )
        except OSError as error:
            raise StepError(self._complaint(_cannot(command[0], error))) from error
        finally:
            os.close(writing)
        self._loop.add_reader(self._pipe, self._output.read, self._pipe)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._pidfd, self._has_ended)
        ports = ", ".join(map(str, ports_of(self._spec)))
        what = f"{command[0]} runs" + (f", and is to listen on {ports}" if ports else "")
        mailboxes = self._lab.programs.mailboxes(self.name)
        seen = self._lab.programs.knows_maildirs(self.name)
        self._site.log(
            events.Started(
                command=" ".join(command), mailboxes=mailboxes if seen else (), takes=() if seen else mailboxes
            ),
            what,
        )

    async def _listening(self) -> None:
        until = self._loop.time() + self._spec.ready_within / SECOND
        while missing := self._deaf():
            if self._ended.is_set():
                status = _status(self._process) if self._process else 0
                raise StepError(self._complaint(f"ended with status {status} before it listened on {missing[0]}"))
            if self._loop.time() >= until:
                limit = f"{self._spec.ready_within / SECOND:g} s"
                raise StepError(self._complaint(f"does not listen on {missing[0]} within {limit}{missing[1]}"))
            await asyncio.sleep(_POLL_S)

    def _deaf(self) -> tuple[str, str] | None:
        """The first port where nobody can reach the program, and what could be the matter; None when all is well."""
        wanted = [("tcp", port) for port in ports_of(self._spec)]
        if isinstance(self._spec, NameServerSpec):
            wanted += [("udp", 53)]
        found = self.namespace.listeners() if wanted else []
        for transport, port in wanted:
            at = [address for kind, address, other in found if (kind, other) == (transport, port)]
            if not set(at) & {*_FROM_ANYWHERE, *self.namespace.addresses}:
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
        if not self._stopping:
            what = f"{self.command[0]} exits with status {status}, while the lab goes on"
            self._site.log(events.Exited(command=" ".join(self.command), status=status, plays=self.name), what)

    def _kill(self) -> None:
        if self._process is not None and not self._ended.is_set():
            self._process.send_signal(KILL)
            self._process.wait()
            self._loop.remove_reader(self._pidfd)
            self._ended.set()
        self._close()

    def _close(self) -> None:
        """Let go of a program that is no more; scenario time may jump again."""
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
            self._mailboxes.log_new()
            self._watching = None
        self._held.close()

    def _complaint(self, what: str) -> str:
        if self._pipe >= 0:
            self._output.read(self._pipe)
        last = f"; the last it said: '{self._output.last}'" if self._output.last else ""
        return f"{shown(self._lab.scenario.file)}: {self.name}: the program '{self.command[0]}' {what}{last}"


def _status(process: subprocess.Popen[bytes] | None) -> int:
    """Its exit status; 128 and the signal's number for one that was killed."""
    code = process.wait() if process is not None else 0
    return code if code >= 0 else 128 - code


def _cannot(name: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"is not here; install it, or say 'needs: [{Path(name).name}]' to skip the scenario where it is missing"
    return f"cannot be run: {reason(error)}"
