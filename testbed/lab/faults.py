"""From the packet faults a scenario names to those the wire knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from testbed.net import faults as net
from testbed.protocols.trigger import Trigger
from testbed.scenario.faults import Fault, HostFault, LinkFault, WireFault

_HOST_FAULTS: dict[str, type[net.HostOutage]] = {
    "silent": net.Silent,
    "refused": net.Refused,
    "unreachable": net.Unreachable,
}
_DEEDS: dict[str, Callable[[WireFault, str], net.Deed]] = {
    "lose": lambda fault, seed: net.lose,
    "duplicate": lambda fault, seed: net.duplicate,
    "delay": lambda fault, seed: net.delay(fault.delay or 0),
    "jitter": lambda fault, seed: net.Jitter(fault.jitter or 0, seed),
    "reorder": lambda fault, seed: net.reorder(fault.reorder or 1),
    "corrupt": lambda fault, seed: net.Corrupt(seed),
    "truncate": lambda fault, seed: net.truncate,
    "reset": lambda fault, seed: net.reset(fault.reset or "both"),
    "unreachable": lambda fault, seed: net.unreachable(fault.unreachable or "host"),
    "mtu": lambda fault, seed: net.too_big(fault.mtu or 0),
    "bandwidth": lambda fault, seed: net.Bandwidth(fault.bandwidth or 1),
    "zero_window": lambda fault, seed: net.zero_window,
}
"""Deeds by the key that names them; the text is a seed."""

_FORGING = ("reset", "unreachable", "mtu", "forget")


def packet_fault(fault: Fault, addresses: Mapping[str, tuple[str, ...]], seed: int) -> net.PacketFault | None:
    """What the wire knows of a fault; None for one that is not about packets."""
    match fault:
        case HostFault() if fault.moment is not None:
            word, command = fault.moment
            return net.Crash(frozenset(addresses[fault.host]), net.Moment(word), command, fault.trigger())
        case HostFault() if not fault.of_program:
            window = Trigger(from_ns=fault.from_, until_ns=fault.until)
            return _HOST_FAULTS[fault.is_](frozenset(addresses[fault.host]), window)
        case LinkFault():
            window = Trigger(from_ns=fault.from_, until_ns=fault.until)
            one, other = (frozenset(addresses[name]) for name in fault.link)
            return net.LinkDown(one, other, window)
        case WireFault():
            return _wire_fault(fault, addresses, seed)
    return None


def needs_forging(fault: Fault) -> bool:
    """Whether the wire will have to make packets of its own."""
    if isinstance(fault, WireFault):
        return fault.act in _FORGING
    return isinstance(fault, HostFault) and (fault.is_ in ("refused", "unreachable") or fault.moment is not None)


def _wire_fault(fault: WireFault, addresses: Mapping[str, tuple[str, ...]], seed: int) -> net.PacketFault:
    source, destination = (frozenset(addresses[name]) for name in fault.between)
    selection = net.Selection(
        packets=None if fault.packets == "any" else fault.packets,
        connection=fault.connection,
        phase=fault.phase,
        octet=fault.octet,
        larger_than=fault.larger_than if fault.mtu is None else max(fault.mtu, fault.larger_than or 0),
    )
    trigger = fault.trigger(seed)
    if fault.forget is not None:
        return net.Forgotten(source, destination, selection, trigger, fault.forget == "reset")
    return net.SelectiveFault(source, destination, selection, trigger, _DEEDS[fault.act](fault, f"{seed}:{fault.line}"))
