"""Each host's place in the lab: its addresses and directory, and the faults that strike it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.site import Site
from testbed.hosts.tls import LabTls
from testbed.hosts.zone_script import ZoneScript
from testbed.lab.journal import Journal
from testbed.lab.media import Medium
from testbed.lab.visit import OUTSIDE
from testbed.protocols.trigger import Trigger
from testbed.scenario.faults import DialogueFault, HostFault, ZoneFault
from testbed.scenario.hosts import NameServerSpec, UserAgentSpec, WebmailSpec
from testbed.scenario.scenario import Scenario

_NS = 1_000_000_000


class Surveyor:
    """Lays out the sites of a scenario's hosts.  ``addresses`` are by name."""

    def __init__(
        self,
        scenario: Scenario,
        addresses: Mapping[str, tuple[str, ...]],
        network: Medium,
        journal: Journal,
        tls: LabTls | None,
    ) -> None:
        self._scenario = scenario
        self._addresses = addresses
        self._network = network
        self._loop = network.loop
        self._journal = journal
        self._tls = tls
        hosts = scenario.hosts.items()
        self._name_server = next(name for name, host in hosts if isinstance(host, NameServerSpec))
        agents = [name for name, host in hosts if isinstance(host, UserAgentSpec | WebmailSpec)]
        self._trusted = frozenset(address for who in (*agents, OUTSIDE) for address in addresses.get(who, ()))

    def site(self, name: str, crash: Callable[[int | None], None]) -> Site:
        """The site of a host, which ``crash`` makes crash and start again after so many nanoseconds."""
        directory = self._network.scratch / name
        directory.mkdir()
        spoken = [f for f in self._scenario.faults if isinstance(f, DialogueFault) and f.at == name]
        as_client = isinstance(self._scenario.hosts[name], UserAgentSpec)
        return Site(
            name=name,
            addresses=self._addresses[name],
            directory=directory,
            nameserver=self._addresses[self._name_server][0],
            log=self._journal.of(name),
            now=lambda: self._loop.now_ns() / _NS,
            dialogue=self._script([f for f in spoken if not as_client and f.as_ == "server"]),
            conduct=self._script([f for f in spoken if as_client or f.as_ == "client"]),
            crash=crash,
            disk_full=self._disk_full(name),
            trusted=self._trusted,
            names=self._zones() if name == self._name_server else ZoneScript(),
            tls=self._tls,
            real_time=self._loop.real_time,
            port_at=self._network.port_at,
        )

    def _script(self, faults: Sequence[DialogueFault]) -> DialogueScript:
        def fired(fault: DialogueFault) -> None:
            self._journal.fault(fault.at, fault)

        return DialogueScript(faults, fired, self._loop.elapsed_ns, self._scenario.seed)

    def _zones(self) -> ZoneScript:
        def fired(fault: ZoneFault) -> None:
            self._journal.fault(self._name_server, fault)

        faults = [fault for fault in self._scenario.faults if isinstance(fault, ZoneFault)]
        return ZoneScript(faults, fired, self._loop.elapsed_ns, self._scenario.seed, self._addresses)

    def _disk_full(self, name: str) -> Callable[[], bool]:
        own = [f for f in self._scenario.faults if isinstance(f, HostFault) and f.host == name]
        windows = [(f, Trigger(from_ns=f.from_, until_ns=f.until)) for f in own if f.is_ == "full-disk"]

        def full() -> bool:
            found = [fault for fault, window in windows if window.open_at(self._loop.elapsed_ns())]
            for fault in found:
                self._journal.fault(name, fault)
            return bool(found)

        return full
