"""From the packet faults a scenario names to those the wire knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from testbed.net import faults as net
from testbed.net.packet import Kind, Packet
from testbed.protocols.trigger import Trigger
from testbed.scenario.faults import HostFault, WireFault
from testbed.scenario.scenario import Scenario

_HOST_FAULTS: dict[str, type[net.HostFault]] = {
    "silent": net.Silent,
    "refused": net.Refused,
    "unreachable": net.Unreachable,
}


def packet_faults(scenario: Scenario, addresses: Mapping[str, tuple[str, ...]]) -> list[tuple[int, net.PacketFault]]:
    """The scenario's host and wire faults, each with its line."""
    made: list[tuple[int, net.PacketFault]] = []
    for fault in scenario.faults:
        if isinstance(fault, HostFault) and not fault.of_program:
            window = Trigger(from_ns=fault.from_, until_ns=fault.until)
            made.append((fault.line, _HOST_FAULTS[fault.is_](frozenset(addresses[fault.host]), window)))
        elif isinstance(fault, WireFault):
            made.append((fault.line, _wire_fault(fault, addresses, scenario.seed)))
    return made


def needs_forging(scenario: Scenario) -> bool:
    """Whether the wire will have to make packets of its own."""
    return any(
        (isinstance(fault, HostFault) and fault.is_ in ("refused", "unreachable"))
        or (isinstance(fault, WireFault) and fault.reset)
        for fault in scenario.faults
    )


def _wire_fault(fault: WireFault, addresses: Mapping[str, tuple[str, ...]], seed: int) -> net.WireFault:
    deed: Callable[[Packet], net.Action]
    if fault.lose:
        deed = net.lose
    elif fault.duplicate:
        deed = net.duplicate
    elif fault.delay is not None:
        deed = net.delay(fault.delay)
    else:
        deed = net.reset(fault.reset or "both")
    source, destination = fault.between
    return net.WireFault(
        frozenset(addresses[source]),
        frozenset(addresses[destination]),
        None if fault.packets == "any" else Kind(fault.packets),
        fault.trigger(seed),
        deed,
        fault.connection,
    )
