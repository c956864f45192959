"""Windows that somebody on the way closes."""

from __future__ import annotations

from testbed.net import forge
from testbed.net.faults.action import Action
from testbed.net.packet import Packet


def zero_window(packet: Packet, now_ns: int) -> Action:
    """The packet arrives, but says that its sender takes no more octets at present (RFC 9293 §3.8.6.1)."""
    data = forge.with_window(packet, 0)
    vain = "the packet said window 0 by itself" if data == packet.data else ""
    return Action(f"{packet.kind} says window 0", data=data, starves=True, vain=vain)
