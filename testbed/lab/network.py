"""What carries a lab's packets, and records them: a private network with a wire, or the machine's own loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from testbed.hosts.site import Log
from testbed.lab.carriers import Addresses, Carrier, PacketFaults, Refusals, TapCarrier, WireCarrier
from testbed.lab.journal import Journal
from testbed.net.clock import ScenarioLoop
from testbed.net.front import Front, Fronted
from testbed.net.loopback import LoopbackLoop, PortAt, scratch_folder
from testbed.net.namespace import Network, WayBack, enter
from testbed.net.netlink import HASTY_MS, PATIENT_MS
from testbed.net.packet import Packet
from testbed.net.ports import Ports
from testbed.net.program_namespace import ProgramNamespace, create_namespace
from testbed.net.programs import listeners
from testbed.net.tap import Tap
from testbed.net.wire import Recorder, Wire
from testbed.protocols import events
from testbed.scenario.fronts import fronted, fronted_ports
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.network_needs import NetworkKind, makes_tcp_wait
from testbed.scenario.scenario import Scenario

_MAX_FOREIGNERS = 50


class LabNetwork(Protocol):
    """A lab's network.  ``scratch`` is an empty folder that dies with it, ``notes`` go into the trace."""

    @property
    def scratch(self) -> Path:
        """Where the hosts' files lie."""

    @property
    def socket_files(self) -> tuple[str, ...]:
        """The files by which the machine's processes are spoken to."""

    @property
    def loop(self) -> ScenarioLoop:
        """The loop its sockets belong to."""

    @property
    def port_at(self) -> PortAt:
        """Where a service is found by sockets that are not the loop's."""

    @property
    def namespaces(self) -> Mapping[str, ProgramNamespace]:
        """The networks of the hosts that are programs, by their names."""

    @property
    def front(self) -> ProgramNamespace | None:
        """The network of what stands in front of programs; None where nothing does."""

    @property
    def kind(self) -> NetworkKind:
        """Which of the two it is."""

    @property
    def note(self) -> str:
        """What a reader of the trace has to know of it."""

    @property
    def rto_min_ms(self) -> int:
        """How long TCP waits at least before it repeats itself."""

    def listening(self) -> list[tuple[str, int]]:
        """The addresses and ports, as the lab's hosts mean them, at which somebody listens."""

    def carry(self, recorder: Recorder, journal: Journal, crashes: Mapping[int, Callable[[], None]]) -> Carrier:
        """Begin, with the scenario's faults.  ``crashes`` have a host crash, by the lines of those that say so."""


@contextlib.contextmanager
def lab_network(
    kind: NetworkKind, scenario: Scenario, addresses: Addresses, *, held: bool = False
) -> Iterator[LabNetwork]:
    """The network of one lab, in which packets may be lost by faults yet to come where it is ``held`` open.

    Raises LabError when this machine does not allow it.
    """
    if kind is NetworkKind.PRIVATE:
        name_server = next(name for name, host in scenario.hosts.items() if isinstance(host, NameServerSpec))
        names = {address: name for name, own in addresses.items() for address in own}
        patience = HASTY_MS if held or makes_tcp_wait(scenario) else PATIENT_MS
        way_back = WayBack()
        network = enter(names, addresses[name_server][0], patience)  # the loop's files must be those of this network
        programs = [name for name, host in scenario.hosts.items() if host.is_program]
        namespaces = {name: create_namespace(addresses[name], patience) for name in programs}
        front = create_namespace(list(names), patience, alone=False) if fronted(scenario) else None
        try:
            with contextlib.closing(ScenarioLoop()) as loop:
                if front is not None:
                    loop.watch_network(front.connections, front.counters)
                yield _PrivateNetwork(
                    scenario, addresses, network, way_back.socket_files, namespaces, front, loop, patience
                )
        finally:
            way_back.take()
        return
    with contextlib.closing(Ports()) as ports, scratch_folder() as scratch:
        host = _HostNetwork(scenario, addresses, ports, scratch)
        with contextlib.closing(host.loop):
            yield host


class _PrivateNetwork(Struct, frozen=True):
    scenario: Scenario
    addresses: Addresses
    network: Network
    socket_files: tuple[str, ...]
    namespaces: Mapping[str, ProgramNamespace]
    front: ProgramNamespace | None
    loop: ScenarioLoop
    rto_min_ms: int
    kind: NetworkKind = NetworkKind.PRIVATE
    note: str = ""

    @property
    def scratch(self) -> Path:
        return self.network.scratch

    def port_at(self, address: str, port: int) -> int:
        return port

    def listening(self) -> list[tuple[str, int]]:
        return listeners()

    def carry(self, recorder: Recorder, journal: Journal, crashes: Mapping[int, Callable[[], None]]) -> Carrier:
        log = journal.of("wire")
        faults = PacketFaults(self.scenario, self.addresses, self.loop, log, crashes)
        addresses = [address for own in self.addresses.values() for address in own]
        devices = {address: own.wire for own in self.namespaces.values() for address in own.addresses}
        wire = Wire(
            self.network.wire,
            self.loop,
            recorder,
            addresses,
            faults.strikers,
            faults.fired,
            devices,
            _Foreigners(log).log_packet,
            partial(_log_needless, log),
            hasty=self.rto_min_ms == HASTY_MS,
            front=self._front(),
        )
        return WireCarrier(wire, faults)

    def _front(self) -> Front | None:
        if self.front is None:
            return None
        places = {
            (ip_address(address).packed, port): Fronted(own.wire, partial(own.listens, address, port))
            for name, own in self.namespaces.items()
            for address in own.addresses
            for port in fronted_ports(self.scenario, name)
        }
        return Front(self.front.wire, places)


def _log_needless(log: Log, packet: Packet) -> None:
    log(
        events.NotCarried(source=packet.source, destination=packet.destination, packet=packet.data.hex()),
        f"{packet.source} sent {packet.kind} to {packet.destination} again before it could hear that the first had "
        "arrived: this machine was busy, and the packet is not carried",
    )


@dataclass(slots=True)
class _Foreigners:
    """Logs packets that want to leave the lab; not of all, as nobody knows what programs do."""

    log: Log
    count: int = 0

    def log_packet(self, packet: Packet, frame: int) -> None:
        self.count += 1
        if self.count > _MAX_FOREIGNERS:
            return
        port = f" port {packet.destination_port}" if packet.destination_port else ""
        self.log(
            events.RefusedOutside(source=packet.source, destination=packet.destination, at_frame=frame),
            f"{packet.source} may not reach {packet.destination}{port}: no packet leaves the lab",
        )


class _HostNetwork:
    """The machine's loopback.  A host that refuses is found at ports where nobody listens."""

    socket_files: tuple[str, ...] = ()
    front: ProgramNamespace | None = None
    kind = NetworkKind.HOST
    rto_min_ms = PATIENT_MS

    note = (
        "captured on the machine's own loopback; its high ports are written as the ports of the services they stand "
        "for, and checksums, which loopback leaves out, are filled in"
    )

    def __init__(self, scenario: Scenario, addresses: Addresses, ports: Ports, scratch: Path) -> None:
        self.namespaces: Mapping[str, ProgramNamespace] = {}
        self.scratch = scratch
        self.loop = LoopbackLoop(ports.of, self.port_at)
        self._ports = ports
        self._refusals = Refusals(scenario, addresses, self.loop.since_begin_ns)

    def port_at(self, address: str, port: int) -> int:
        return self._ports.closed(port) if self._refusals.at(address) else self._ports.of(port)

    def listening(self) -> list[tuple[str, int]]:
        """Other labs have the same addresses, but other ports."""
        own = range(self._ports.first, self._ports.last + 1)
        return [(address, self._ports.service(port)) for address, port in listeners() if port in own]

    def carry(self, recorder: Recorder, journal: Journal, crashes: Mapping[int, Callable[[], None]]) -> Carrier:
        log = journal.of("wire")

        def refused(address: str, frame: int) -> None:
            for fault in self._refusals.at(address):
                log(events.Fault(line=fault.line, at_frame=frame), "refused")

        tap = Tap(self.loop, recorder, self._ports, refused, self._refusals.check_answered)
        return TapCarrier(tap, self._refusals)
