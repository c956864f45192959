"""The hosts of a running lab: started, crashed, started again, settled, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from testbed.hosts.build import build
from testbed.hosts.mailbox import Mailbox
from testbed.hosts.receiver import Receiver
from testbed.hosts.relay import Relay
from testbed.hosts.site import Host, Site
from testbed.hosts.user_agent import UserAgent
from testbed.lab.journal import Journal
from testbed.lab.sites import Surveyor
from testbed.net.clock import ScenarioLoop
from testbed.protocols.events import Event
from testbed.scenario.faults import HostFault
from testbed.scenario.scenario import Scenario

_NS = 1_000_000_000
_AFTERMATH_S = 1.0  # scenario time in which open connections may finish closing


class Crew:
    """Every host by its name."""

    def __init__(
        self,
        scenario: Scenario,
        addresses: Mapping[str, tuple[str, ...]],
        surveyor: Surveyor,
        loop: ScenarioLoop,
        journal: Journal,
    ) -> None:
        self._scenario = scenario
        self._addresses = addresses
        self._loop = loop
        self._journal = journal
        self._sites = {name: surveyor.site(name, self._crasher(name)) for name in scenario.hosts}
        self._hosts = {name: build(scenario, site, addresses) for name, site in self._sites.items()}
        self._crashed: set[str] = set()
        self._starting: set[asyncio.Future[None]] = set()

    async def start(self) -> None:
        """Open every host for business, and see to it that they crash when the scenario says so."""
        for host in self._hosts.values():
            await host.start()
        for fault in self._scenario.faults:
            if isinstance(fault, HostFault) and fault.is_ == "crashed":
                self._loop.call_later(fault.from_ / _NS, self._crash_as_said, fault)

    async def settled(self) -> None:
        """Return when no host has anything in progress."""
        for _ in self._hosts:  # one host's last act may be the next one's first
            for host in self._running():
                await host.settled()
            await asyncio.sleep(0)

    async def quiet(self) -> None:
        """Return when no host has anything in progress, and the wire has had time to become quiet."""
        await self.settled()
        for pause in (_AFTERMATH_S, 0.0):
            for host in self._running():
                await host.settled()
            await asyncio.sleep(pause)

    async def stop(self, *, at_once: bool = False) -> None:
        """Take the inventory, close every host, and wait until connections are closed unless it is ``at_once``."""
        for host in self._hosts.values():
            host.inventory()
        for host in self._running():
            await host.stop()
        if not at_once:
            await asyncio.sleep(_AFTERMATH_S)

    # -- who is who ---------------------------------------------------------------------------------

    def site(self, name: str) -> Site:
        """The site of a host."""
        return self._sites[name]

    def agent(self, name: str) -> UserAgent:
        """A user agent."""
        agent = self._hosts[name]
        assert isinstance(agent, UserAgent)
        return agent

    def mailbox(self, address: str) -> tuple[str, Mailbox]:
        """The host that has a mailbox, and the mailbox.  Raises KeyError."""
        for name, host in self._hosts.items():
            if isinstance(host, Relay | Receiver) and address in host.mailboxes:
                return name, host.mailboxes[address]
        raise KeyError(address)

    # -- crashes ------------------------------------------------------------------------------------

    def _running(self) -> list[Host]:
        return [host for name, host in self._hosts.items() if name not in self._crashed]

    def _crasher(self, name: str) -> Callable[[int | None], None]:
        return lambda restart_ns: self._crash(name, restart_ns)

    def _crash_as_said(self, fault: HostFault) -> None:
        self._journal.fault(fault.host, fault)
        self._crash(fault.host, None if fault.until is None else fault.until - fault.from_)

    def _crash(self, name: str, restart_ns: int | None) -> None:
        """A mail server's program dies; what is not on disk is lost.  It starts again after so many nanoseconds."""
        host = self._hosts[name]
        if name in self._crashed or not isinstance(host, Relay | Receiver):
            return
        self._crashed.add(name)
        host.crash()
        log = self._journal.of(name)
        log(Event.CRASHED, "the program has crashed: its connections are reset, its memory is lost")
        if restart_ns is not None:
            self._loop.call_later(restart_ns / _NS, self._restart, name)

    def _restart(self, name: str) -> None:
        self._hosts[name] = build(self._scenario, self._sites[name], self._addresses)
        self._crashed.discard(name)
        self._journal.of(name)(Event.RESTARTED, "the program runs again, with what is on disk")
        starting = asyncio.ensure_future(self._hosts[name].start())
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
