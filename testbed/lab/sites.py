"""Each host's place in the lab: its addresses and directory, and the faults that strike it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from testbed.durations import SECOND
from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.fault_script import FaultScript
from testbed.hosts.site import Site
from testbed.hosts.zone_script import ZoneScript
from testbed.lab.addresses import OUTSIDE
from testbed.lab.context import LabContext
from testbed.net.namespace import own_files
from testbed.protocols.trigger import Trigger
from testbed.scenario.faults import DialogueFault, HostFault, MailboxFault, PolicyFault, ZoneFault
from testbed.scenario.hosts import ReceiverSpec, UserAgentSpec, WebmailSpec
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.scenario import Scenario


def site_of(lab: LabContext, name: str, crash: Callable[[int | None], None]) -> Site:
    """Make the site of a host, which ``crash`` makes crash and start again after so many nanoseconds."""
    directory = lab.network.scratch / name
    directory.mkdir()
    if name in lab.network.namespaces:
        own_files(directory)
    hosts = lab.scenario.hosts
    name_server = next(name for name, host in hosts.items() if isinstance(host, NameServerSpec))
    agents = [name for name, host in hosts.items() if isinstance(host, UserAgentSpec | WebmailSpec)]
    spoken = [f for f in lab.scenario.faults if isinstance(f, DialogueFault) and f.at == name]
    as_client = isinstance(hosts[name], UserAgentSpec)
    return Site(
        name=name,
        addresses=lab.addresses[name],
        directory=directory,
        nameserver=lab.addresses[name_server][0],
        log=lab.journal.of(name),
        now=lambda: lab.loop.now_ns() / SECOND,
        dialogue=_dialogue_script(lab, [f for f in spoken if not as_client and f.as_ == "server"]),
        conduct=_dialogue_script(lab, [f for f in spoken if as_client or f.as_ == "client"]),
        crash=crash,
        disk_full=_disk_full(lab, name),
        crowded=_crowded(lab, name),
        trusted=frozenset(address for who in (*agents, OUTSIDE) for address in lab.addresses.get(who, ())),
        names=_zone_script(lab, name) if name == name_server else ZoneScript(),
        tls=lab.tls,
        port_at=lab.network.port_at,
        since_begin_ns=lab.loop.since_begin_ns,
        policies=_policy_script(lab, name),
    )


def _dialogue_script(lab: LabContext, faults: Sequence[DialogueFault]) -> DialogueScript:
    def fired(fault: DialogueFault, vain: str) -> None:
        said = fault.last_line if lab.scenario.hosts[fault.at].is_program else ""
        lab.journal.fault(fault.at, fault, vain, said)

    return DialogueScript(faults, fired, lab.loop.since_begin_ns, lab.scenario.seed)


def _zone_script(lab: LabContext, name_server: str) -> ZoneScript:
    def fired(fault: ZoneFault, vain: str) -> None:
        lab.journal.fault(name_server, fault, vain)

    faults = [fault for fault in lab.scenario.faults if isinstance(fault, ZoneFault)]
    return ZoneScript(faults, fired, lab.loop.since_begin_ns, lab.scenario.seed, lab.addresses)


def _policy_script(lab: LabContext, name: str) -> FaultScript[PolicyFault]:
    def fired(fault: PolicyFault, vain: str) -> None:
        lab.journal.fault(name, fault, vain)

    faults = [
        fault
        for fault in lab.scenario.faults
        if isinstance(fault, PolicyFault) and policy_server(lab.scenario, fault.policy) == name
    ]
    return FaultScript(faults, fired, lab.loop.since_begin_ns, lab.scenario.seed)


def policy_server(scenario: Scenario, domain: str) -> str:
    """The receiver that serves a domain's MTA-STS policy."""
    return next(
        name
        for name, host in scenario.hosts.items()
        if isinstance(host, ReceiverSpec) and host.mta_sts and host.domain.lower() == domain.lower()
    )


def _disk_full(lab: LabContext, name: str) -> Callable[[], bool]:
    def full() -> bool:
        found = [
            fault
            for fault in lab.faults
            if isinstance(fault, HostFault) and (fault.host, fault.is_) == (name, "full-disk") and _is_open(lab, fault)
        ]
        for fault in found:
            lab.journal.fault(name, fault)
        return bool(found)

    return full


def _crowded(lab: LabContext, name: str) -> Callable[[str, int, bool], bool]:
    def crowded(mailbox: str, octets: int, otherwise: bool) -> bool:
        found = [
            fault
            for fault in lab.faults
            if isinstance(fault, MailboxFault) and fault.mailbox.lower() == mailbox.lower()
            if octets > fault.room and _is_open(lab, fault)
        ]
        for fault in found:
            lab.journal.fault(name, fault, "" if otherwise else "there was no room anyway")
        return bool(found)

    return crowded


def _is_open(lab: LabContext, fault: HostFault | MailboxFault) -> bool:
    return Trigger(from_ns=fault.from_, until_ns=fault.until).open_at(lab.loop.since_begin_ns())
