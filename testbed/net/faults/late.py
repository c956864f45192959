"""Packets that arrive late, or in another order."""

from __future__ import annotations

from random import Random

from testbed.durations import MILLISECOND, SECOND, format_duration
from testbed.net.faults.action import Action, Deed
from testbed.net.packet import Packet

_STEP_NS = 1_000  # between packets, so that a clock of floating point keeps them in their order
_PERCEPTIBLE_NS = MILLISECOND  # hosts take that long themselves


def delay(by_ns: int) -> Deed:
    """The packet arrives later."""
    return lambda packet, now_ns: _late(f"{packet.kind} delayed", by_ns, "say a longer 'delay'")


def reorder(behind: int) -> Deed:
    """The packet arrives after so many of those sent later.  No clock is involved: it waits for packets."""
    what = f"held back until {behind} later packet{'s have' if behind > 1 else ' has'} passed"
    return lambda packet, now_ns: Action(f"{packet.kind} {what}", behind=behind)


class Jitter:
    """Each packet arrives later by another time, at random between nothing and ``most_ns``; none overtakes another."""

    def __init__(self, most_ns: int, seed: str) -> None:
        self._most_ns = most_ns
        self._random = Random(f"jitter {seed}")
        self._last_ns = 0

    def __call__(self, packet: Packet, now_ns: int) -> Action:
        """Delay one packet."""
        self._last_ns = max(self._last_ns + _STEP_NS, now_ns + self._random.randint(0, self._most_ns))
        return _late(f"{packet.kind} delayed at random", self._last_ns - now_ns, "say a longer 'jitter'")


class Bandwidth:
    """Packets pass one after the other, each as long as its octets take at ``rate`` octets a second."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._free_ns = 0

    def __call__(self, packet: Packet, now_ns: int) -> Action:
        """Queue one packet."""
        self._free_ns = max(self._free_ns, now_ns) + len(packet.data) * SECOND // self._rate
        return _late(f"{packet.kind} queued", self._free_ns - now_ns, "say a smaller 'bandwidth', or send more at once")


def _late(what: str, by_ns: int, remedy: str) -> Action:
    if by_ns >= _PERCEPTIBLE_NS:
        return Action(what, delay_ns=by_ns)
    return Action(what, delay_ns=by_ns, vain=f"no packet was {format_duration(_PERCEPTIBLE_NS)} late; {remedy}")
