"""The hosts of a running lab: started, crashed, started again, settled, stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from testbed.durations import SECOND
from testbed.errors import ProgramError
from testbed.hosts.build import build
from testbed.hosts.mail_host import MailHost
from testbed.hosts.mailboxes.mailbox import Mailbox
from testbed.hosts.receiver import Receiver
from testbed.hosts.relay import Relay
from testbed.hosts.site import Host, Site
from testbed.hosts.user_agent import UserAgent
from testbed.lab.context import LabContext
from testbed.lab.program_agent import ProgramAgent
from testbed.lab.program_host import ProgramHost
from testbed.lab.sites import site_of
from testbed.protocols import events
from testbed.scenario.faults import HostFault
from testbed.scenario.hosts import UserAgentSpec
from testbed.tasks import HeldTasks

_UNDER_WAY_S, _AGAIN_S = 5.0, 0.5  # so long, and so often, mail is looked for that a program has taken
_APART_S = 10.0  # scenario time between the start of servers and the first step
_AFTERMATH_S = 1.0  # scenario time in which open connections may finish closing


class LabHosts:
    """Every host by its name."""

    def __init__(self, lab: LabContext) -> None:
        self._lab = lab
        self._sites = {name: site_of(lab, name, self._crasher(name)) for name in lab.scenario.hosts}
        for name, site in self._sites.items() if lab.network.namespaces else ():
            if name in lab.network.namespaces:
                lab.programs.write_files(site)
            else:
                lab.programs.link_mailboxes(site)
        self._hosts = {name: self._build(name) for name in self._sites}
        self._crashed: set[str] = set()
        self._returning: set[str] = set()  # those of them that are to start again
        self._starting = HeldTasks()
        for fault in lab.scenario.faults:
            if isinstance(fault, HostFault) and fault.moment is not None:
                self.crash_when_told(fault)

    async def start(self) -> None:
        """Open every host for business, and see to it that they crash when the scenario says so.

        Programs come last: what they look for when they start is there.  On the lab's clock, servers are given a while:
        what they do every so many whole seconds since their start then never meets with what the scenario does, however
        long this machine took to start them.
        """
        for host in sorted(self._hosts.values(), key=lambda host: isinstance(host, ProgramHost)):
            await host.start()
        programs = [host for host in self._hosts.values() if isinstance(host, ProgramHost)]
        if programs and all(program.serves and not program.time_is_real for program in programs):
            await asyncio.sleep(_APART_S)
        self._lab.loop.begin()
        for fault in self._lab.scenario.faults:
            if isinstance(fault, HostFault) and fault.is_ == "crashed" and fault.moment is None:
                for_ns = None if fault.until is None else fault.until - fault.from_
                self._lab.loop.call_later(fault.from_ / SECOND, self.crash_as_said, fault, for_ns)

    async def settled(self) -> None:
        """Return when no host has anything in progress."""
        for _ in self._hosts:  # one host's last act may be the next one's first
            for host in self._running():
                await host.settled()
            await asyncio.sleep(0)

    async def quiet(self) -> None:
        """Return when no host has anything in progress, and the wire has had time to become quiet.

        What a host begins in that time, such as another try, is not part of the play.  Where time is real it is given
        no more of it than so: a program may make it last for as long as the lab has.
        """
        await self.settled()
        await asyncio.sleep(_AFTERMATH_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.settled(), _AFTERMATH_S if self.time_is_real else None)
        await asyncio.sleep(0)

    async def stop(self, mail_is_missing: Callable[[], bool], *, at_once: bool = False) -> None:
        """Take the inventory, close every host, and wait until connections are closed unless it is ``at_once``.

        Programs are asked for what they hold, for a while again as long as ``mail_is_missing``.
        """
        for host in self._running() if not at_once else ():
            if isinstance(host, ProgramHost):
                await host.list_queue()
        if not at_once:
            await self._read_mailboxes(mail_is_missing)
        for host in self._hosts.values():
            host.inventory()
        for host in sorted(self._running(), key=lambda host: not isinstance(host, ProgramHost)):
            await (host.stop(at_once=at_once) if isinstance(host, ProgramHost) else host.stop())
        if not at_once:
            await asyncio.sleep(_AFTERMATH_S)

    async def _read_mailboxes(self, mail_is_missing: Callable[[], bool]) -> None:
        """Read what no files show.  What a program has just taken, it may still be delivering."""
        programs = [host for host in self._hosts.values() if isinstance(host, ProgramHost) and host.is_read_at_the_end]
        until = self._lab.loop.time() + _UNDER_WAY_S
        while programs:
            for program in programs:
                await program.read_mailboxes()
            if self._lab.loop.time() >= until or not mail_is_missing():
                return
            await asyncio.sleep(_AGAIN_S)

    def tell_conditions(self, seconds: float) -> None:
        """Log what programs are about, and have been for so many seconds."""
        for host in self._running():
            if isinstance(host, ProgramHost):
                host.tell_condition(seconds)

    # -- who is who ---------------------------------------------------------------------------------

    def site(self, name: str) -> Site:
        """The site of a host."""
        return self._sites[name]

    def agent(self, name: str) -> UserAgent | ProgramAgent:
        """A user agent that does what steps ask."""
        agent = self._hosts[name]
        assert isinstance(agent, UserAgent | ProgramAgent)
        return agent

    def program(self, name: str) -> ProgramHost | None:
        """The program that plays a host, None for a host of the lab's own."""
        host = self._hosts.get(name)
        return host if isinstance(host, ProgramHost) else None

    def mail_host(self, name: str) -> MailHost | None:
        """A mail server of the lab's own that runs, None for any other host."""
        host = self._hosts[name]
        return host if isinstance(host, MailHost) and self.runs(name) else None

    def runs(self, name: str) -> bool:
        """Whether a host has not crashed, or runs again."""
        return name not in self._crashed

    @property
    def time_is_real(self) -> bool:
        """Whether a program runs, or is to run again, that does not live in scenario time."""
        alive = any(isinstance(host, ProgramHost) and host.alive and host.time_is_real for host in self._running())
        returning = (self._hosts[name] for name in self._returning)
        return alive or any(isinstance(host, ProgramHost) and host.time_is_real for host in returning)

    @property
    def next_due_s(self) -> float | None:
        """In how many seconds the first of the lab's own hosts is to pass mail on; None when none has any."""
        dues = [host.next_due for host in self._hosts.values() if isinstance(host, MailHost)]
        return min((due - self._lab.loop.now_ns() / SECOND for due in dues if due is not None), default=None)

    @property
    def all_are_back(self) -> bool:
        """Whether every host runs that is to run."""
        return not self._returning and not self._starting

    def mailbox(self, address: str) -> tuple[str, Mailbox]:
        """The host that has a mailbox, and the mailbox.  Raises KeyError."""
        for name, host in self._hosts.items():
            if isinstance(host, Relay | Receiver) and address in host.mailboxes:
                return name, host.mailboxes[address]
        raise KeyError(address)

    # -- crashes ------------------------------------------------------------------------------------

    def _build(self, name: str) -> Host:
        site = self._sites[name]
        if name in self._lab.network.namespaces:
            spec = self._lab.scenario.hosts[name]
            if isinstance(spec, UserAgentSpec) and spec.program is not None:
                return ProgramAgent(self._lab, site, spec.address, spec.program)
            return ProgramHost(self._lab, site)
        return build(self._lab.scenario, site, self._lab.addresses)

    def _running(self) -> list[Host]:
        return [host for name, host in self._hosts.items() if name not in self._crashed]

    def _crasher(self, name: str) -> Callable[[int | None], None]:
        return lambda restart_ns: self._crash(name, restart_ns)

    def crash_when_told(self, fault: HostFault) -> None:
        """Have a host crash whenever the wire sees the moment that a fault is about."""
        self._lab.crashes[fault.line] = partial(self._crash, fault.host, fault.for_)

    def crash_as_said(self, fault: HostFault, for_ns: int | None) -> None:
        """Have a host crash now, which is what a fault is about, for so long."""
        self._lab.journal.fault(fault.host, fault)
        self._crash(fault.host, for_ns)

    def restart(self, name: str) -> None:
        """Have a host run again; nothing happens where it does."""
        if name in self._crashed:
            self._restart(name)

    def _crash(self, name: str, restart_ns: int | None) -> None:
        """A mail server's program dies; what is not on disk is lost.  It starts again after so many nanoseconds."""
        host = self._hosts[name]
        if name in self._crashed or not isinstance(host, Relay | Receiver | ProgramHost):
            return
        self._crashed.add(name)
        host.crash()
        log = self._lab.journal.of(name)
        log(events.Crashed(), "the program has crashed: its connections are reset, its memory is lost")
        if restart_ns is not None:
            self._returning.add(name)
            self._lab.loop.call_later(restart_ns / SECOND, self.restart, name)

    def _restart(self, name: str) -> None:
        self._hosts[name] = self._build(name)
        self._crashed.discard(name)
        self._returning.discard(name)
        self._lab.journal.of(name)(events.Restarted(), "the program runs again, with what is on disk")
        self._starting.start(self._start_again(self._hosts[name]))

    async def _start_again(self, host: Host) -> None:
        with contextlib.suppress(ProgramError):  # which is in the log
            await host.start()
