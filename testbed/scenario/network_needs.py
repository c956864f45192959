"""Where labs live, and what takes a private network: parts that want packets changed, or a network of the lab's own.

The machine's loopback delivers every packet as it is, has one IPv6 address, and other programs' settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from testbed.scenario.faults import DialogueFault, Fault, HostFault, LinkFault, WireFault
from testbed.scenario.hosts import ReceiverSpec
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.programs import RunStep
from testbed.scenario.scenario import Scenario

WIRE_FAULT = "packets are changed on a wire"
LINK_FAULT = "a link goes down on a wire"
SILENT_HOST = "packets of a silent host are swallowed by a wire"
UNREACHABLE_HOST = "that a host is unreachable is said by a wire"
ADDRESSES = "the machine's loopback has addresses in 127.0.0.0/8"
IPV6 = "hosts have IPv6 addresses, of which the machine's loopback has one"
REFUSED_CLIENT = "what the name server answers to a host that refuses everything is refused by a wire"
PROGRAM = "programs find the lab's hosts by a resolv.conf and ports of their own"
MOMENT = "at which moment of a dialogue a host is to crash is seen by a wire"
REASONS = (WIRE_FAULT, LINK_FAULT, SILENT_HOST, UNREACHABLE_HOST, MOMENT, REFUSED_CLIENT, IPV6, PROGRAM, ADDRESSES)
"""All reasons there are."""

_ASK_NO_NAMES = (ReceiverSpec, NameServerSpec)  # a receiver does so for the notices it owes: the lab heeds that
_HOST_FAULTS = {"silent": SILENT_HOST, "unreachable": UNREACHABLE_HOST}


class NetworkKind(StrEnum):
    """Where a lab lives."""

    PRIVATE = "private"
    HOST = "host"

    def why_not(self, scenario: Scenario) -> str:
        """Why a scenario cannot be played there, ``""`` where it can."""
        need = needs_private_network(scenario) if self is NetworkKind.HOST else None
        return str(need) if need is not None else ""


class Need(Struct, frozen=True):
    """Why a scenario takes a private network.  ``place`` is ``file:line``, or the file where it is no one line."""

    reason: str
    place: str

    def __str__(self) -> str:
        return f"it needs a private network: {self.reason} ({self.place})"


def needs_private_network(scenario: Scenario) -> Need | None:
    """The first thing of a scenario that takes a private network, None where it can do without."""
    return next(_needs(scenario), None)


def makes_tcp_wait(scenario: Scenario) -> bool:
    """Whether packets may be lost or held up, or windows close, so that something depends on TCP's timers."""
    return any(map(_makes_tcp_wait, scenario.faults))


def _makes_tcp_wait(fault: Fault) -> bool:
    match fault:
        case WireFault():
            return fault.act != "duplicate"
        case HostFault():
            return fault.is_ in _HOST_FAULTS
        case DialogueFault():
            return fault.reads_partly
    return isinstance(fault, LinkFault)


def _needs(scenario: Scenario) -> Iterator[Need]:
    if scenario.ip != "ipv4":
        yield Need(IPV6, scenario.file)
    if scenario.has_programs:
        yield Need(PROGRAM, scenario.file)
    if not scenario.network.is_loopback:
        yield Need(ADDRESSES, scenario.file)
    for fault in scenario.faults:
        if reason := why_private(scenario, fault):
            yield Need(reason, f"{scenario.file_of('faults')}:{fault.line}")
    for step in scenario.steps:
        if isinstance(step, RunStep):
            yield Need(PROGRAM, f"{scenario.file_of('steps')}:{step.line}")


def why_private(scenario: Scenario, fault: Fault) -> str:
    """Why a fault takes a private network, ``""`` where it does not."""
    match fault:
        case WireFault():
            return WIRE_FAULT
        case LinkFault():
            return LINK_FAULT
        case HostFault(is_="refused") if not isinstance(scenario.hosts[fault.host], _ASK_NO_NAMES):
            return REFUSED_CLIENT
        case HostFault():
            return MOMENT if fault.moment is not None else _HOST_FAULTS.get(fault.is_, "")
    return ""
