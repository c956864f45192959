"""Which programs something of ours stands in front of, to stage what the scenario says of their server side."""

from __future__ import annotations

from testbed.scenario.faults import DialogueFault, TlsFault
from testbed.scenario.program_hosts import mail_ports, ports_of
from testbed.scenario.scenario import Scenario


def fronted(scenario: Scenario) -> frozenset[str]:
    """The hosts that are programs, and at which a fault is."""
    at = {fault.at for fault in scenario.faults if isinstance(fault, DialogueFault)}
    at |= {fault.tls for fault in scenario.faults if isinstance(fault, TlsFault) and is_staged_in_front(fault)}
    return frozenset(name for name in at if scenario.hosts[name].is_program)


def is_staged_in_front(fault: DialogueFault | TlsFault) -> bool:
    """Whether a fault at a program is staged by what stands in front of it, and not on the way of its client."""
    return fault.as_ == "server" if isinstance(fault, DialogueFault) else fault.is_ != "injected"


def fronted_ports(scenario: Scenario, host: str) -> tuple[int, ...]:
    """The ports of such a host at which clients meet what stands in front of it; none of any other."""
    return mail_ports(ports_of(scenario.hosts[host])) if host in fronted(scenario) else ()
