"""Packets that never arrive, or arrive more than once."""

from __future__ import annotations

from testbed.net.faults.action import Action
from testbed.net.packet import Packet


def lose(packet: Packet, now_ns: int) -> Action:
    """The packet vanishes."""
    return Action(f"{packet.kind} lost", copies=0, lost=True)


def duplicate(packet: Packet, now_ns: int) -> Action:
    """The packet arrives twice."""
    return Action(f"{packet.kind} duplicated", copies=2)
