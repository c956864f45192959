"""Packets that arrive damaged.  The receiver's kernel discards them, so their sender has to repeat them."""

from __future__ import annotations

from random import Random

from testbed.net.faults.action import Action
from testbed.net.packet import Packet


class Corrupt:
    """One bit is flipped: of the payload where there is some, else of the TCP header."""

    def __init__(self, seed: str) -> None:
        self._random = Random(f"corrupt {seed}")

    def __call__(self, packet: Packet, now_ns: int) -> Action:
        """Flip a bit of one packet.  Its checksum no longer fits (RFC 9293 §3.1)."""
        data = bytearray(packet.data)
        # Of a bare header, in the urgent pointer, which means nothing: so it stays plain what the packet was.
        urgent = packet.transport + 18
        first, last = (len(data) - packet.payload, len(data) - 1) if packet.payload else (urgent, urgent + 1)
        data[self._random.randint(first, last)] ^= 1 << self._random.randint(0, 7)
        return Action(f"{packet.kind} corrupted (one bit)", data=bytes(data), void=True)


def truncate(packet: Packet, now_ns: int) -> Action:
    """The packet ends in the middle, and its header still tells the full length (RFC 1122 §3.2.1)."""
    least = len(packet.data) - packet.payload if packet.payload else packet.transport
    kept = least + (len(packet.data) - least) // 2
    what = f"{packet.kind} truncated ({kept} of {len(packet.data)} octets)"
    return Action(what, data=packet.data[:kept], void=True)
