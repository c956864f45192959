"""A host that is a program of the user's: started, awaited, watched, stopped; see docs/systems-under-test.md."""

from __future__ import annotations

import asyncio
import contextlib

from testbed.hosts.site import Site
from testbed.lab.context import LabContext
from testbed.lab.hosted_program import HostedProgram
from testbed.lab.program_front import ProgramFront
from testbed.lab.program_listing import list_queue
from testbed.lab.program_mailboxes_read import MailboxesRead
from testbed.lab.program_maildirs import ProgramMailboxes
from testbed.lab.program_queue import ProgramQueue
from testbed.net.real_time import real_sleep
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.program_hosts import filled, ports_of

_LOOK_S = 0.05  # how often its files are looked at
_QUIET_S = 0.4  # so long without a packet counts as being at rest
_MAX_RESTLESS_S = 5.0


class ProgramHost:
    """One party of the lab that is not ours.  While its program lives in real time, so does the lab."""

    def __init__(self, lab: LabContext, site: Site) -> None:
        self.namespace = lab.network.namespaces[site.name]
        self._lab = lab
        self._loop = lab.loop
        self._spec: HostSpec = lab.scenario.hosts[site.name]
        self._site = site
        self._program = HostedProgram(lab, site, self._has_ended)
        self._front = ProgramFront(lab, site)
        boxes = lab.programs.stores(site.name)
        self._mailboxes = ProgramMailboxes(site, boxes, lab.programs.known_files(site.name))
        self._read = MailboxesRead(lab, site)
        reads = isinstance(self._spec, UserAgentSpec)
        self._queue = ProgramQueue(site, site.directory, lab.programs.places(site.name), reads=reads)
        self._stock_taken = False
        self._looked_s = 0.0
        self._held = contextlib.ExitStack()
        self._watching: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The host's name."""
        return self._site.name

    @property
    def time_is_real(self) -> bool:
        """Whether the program lives in real time."""
        return self._program.time_is_real

    @property
    def serves(self) -> bool:
        """Whether it is a server, and does nothing before it is asked."""
        return bool(ports_of(self._spec))

    @property
    def alive(self) -> bool:
        """Whether the program runs."""
        return self._program.alive

    async def start(self) -> None:
        """Start the program, and return when it listens; one that runs only when a step has it run is left alone.

        Raises StepError where it cannot be run, ProgramError.
        """
        if self._spec.command is None:
            return
        self._loop.before_jump.append(self._look)
        self._held.callback(self._loop.before_jump.remove, self._look)
        if self.time_is_real:
            self._held.enter_context(self._loop.real_time())
        await self._front.start()
        await self._program.start()
        if self.time_is_real:  # as is known only now, maybe
            self._held.enter_context(self._loop.real_time())
        self._watching = asyncio.ensure_future(self._watch())

    def _look(self) -> None:
        """See what the program has made of its mail by now, when it rests and time is about to jump."""
        self._mailboxes.log_new()
        if self._lab.wire.quiet_s() < self._loop.time() - self._looked_s and not self._queue.has_shown:
            self._looked_s = self._loop.time()
            self._queue.look()

    async def _watch(self) -> None:
        while True:
            self._mailboxes.log_new()
            self._queue.look()
            await real_sleep(_LOOK_S)

    async def settled(self) -> None:
        """Return when no packet has crossed the wire for a moment: what a program is about cannot be known."""
        until = self._loop.time() + _MAX_RESTLESS_S
        while self.alive and self._lab.wire.quiet_s() < _QUIET_S and self._loop.time() < until:
            await asyncio.sleep(_QUIET_S - self._lab.wire.quiet_s())

    async def stop(self, *, at_once: bool = False) -> None:
        """Tell the program to end (SIGTERM), and kill it with all it has started when it does not."""
        await self._program.stop(at_once=at_once)
        await self._front.stop()

    def crash(self) -> None:
        """Kill the program with all it has started."""
        self._program.kill()
        self._front.crash()

    def tell_condition(self, seconds: float) -> None:
        """Log what the program is about, and has been for so many seconds."""
        self._program.tell_condition(seconds)

    def _has_ended(self) -> None:
        """Nobody writes files any more; scenario time may jump again."""
        if self._watching is not None:
            self._watching.cancel()
            self._mailboxes.log_new()
            self._watching = None
        self._held.close()

    async def list_queue(self) -> None:
        """Log what it says itself of its queue, where the scenario has a command for that."""
        if self._spec.holds is not None and self.alive:
            facts = self._lab.programs.facts(self.name)
            command = [filled(word, facts) for word in self._spec.holds]
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
