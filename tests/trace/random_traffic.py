"""Random TCP conversations, reproducible from a seed."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from pathlib import Path

from testbed.pcap.write import TraceWriter

CONVERSATIONS = 60
_ADDRESSES = (bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
_PAUSES_NS = (1_000, 200_000, 1_000_000, 4_000_000, 30_000_000, 300_000_000)
_SYN, _SYN_ACK, _ACK, _DATA, _FIN, _RST = 0x02, 0x12, 0x10, 0x18, 0x11, 0x14


def tcp_packet(
    side: int, port: int, sequence: int, ack: int, flags: int, window: int, payload: bytes = b"", options: bytes = b""
) -> bytes:
    """An IPv4 packet from side 0 (``port``) or 1 (port 25); checksums are left zero."""
    options += b"\1" * (-len(options) % 4)
    ports = (port, 25) if side == 0 else (25, port)
    offset = (20 + len(options)) // 4 << 4
    tcp = struct.pack(">HHIIBBHHH", *ports, sequence % 2**32, ack % 2**32, offset, flags, window, 0, 0)
    tcp += options + payload
    ends = _ADDRESSES[side] + _ADDRESSES[1 - side]
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends + tcp


def write(path: Path, seed: int) -> None:
    """Sixty conversations; one seed in three also acknowledges what was never sent."""
    choose = random.Random(seed)
    with path.open("wb") as file:
        writer, now = TraceWriter(file, application="tests"), 1_700_000_000_000_000_000
        for number in range(CONVERSATIONS):
            now = _Talk(choose, writer, now, 1025 + number, wild=seed % 3 == 0).run()


@dataclass
class _Talk:
    choose: random.Random
    writer: TraceWriter
    now: int
    port: int
    wild: bool
    next: list[int] = field(default_factory=list)
    acked: list[int] = field(default_factory=list)
    window: list[int] = field(default_factory=lambda: [1000, 1000])
    sent: tuple[list[tuple[int, int]], list[tuple[int, int]]] = field(default_factory=lambda: ([], []))

    def run(self) -> int:
        choose = self.choose
        first = [choose.choice((2**32 - 50, choose.randrange(2**32))), choose.randrange(2**32)]
        self.next = [first[0] + 1, first[1] + 1]
        self.acked = list(self.next)
        scaling, opening = choose.random(), choose.random()
        if opening < 0.85:
            self._send(0, first[0], 0, _SYN, options=b"\3\3\7" if scaling < 0.7 else b"")
        if 0.05 < opening < 0.9:
            self._send(1, first[1], self.next[0], _SYN_ACK, options=b"\3\3\2" if scaling < 0.5 else b"")
        if opening < 0.8:
            self._send(0, self.next[0], self.next[1], _ACK)
        for _ in range(choose.randrange(4, 40)):
            self._step(choose.randrange(2))
        return self.now

    def _step(self, side: int) -> None:
        choose, ack = self.choose, self._ack(side)
        if choose.random() < 0.1:
            self.window[side] = choose.choice((0, 0, 5, 10, 1000, 1001))
        here, what, options = self.next[side], choose.random(), self._sack(ack)
        if what < 0.35:
            octets = choose.choice((1, 1, 5, 10, 20))
            here += choose.choice((5, 10)) if choose.random() < 0.15 else 0  # lost before the capture
            self.sent[side].append((here, octets))
            self.next[side] = here + octets
            self._send(side, here, ack, _DATA, octets, options)
        elif what < 0.5 and self.sent[side]:
            before, octets = choose.choice(self.sent[side])
            octets = choose.choice((octets, octets, octets, octets + 1, max(1, octets - 1)))
            self._send(side, before + choose.choice((0, 0, 0, 1, -1)), ack, _DATA, octets, options)
        elif what < 0.6:
            self._send(side, here - choose.choice((3, 5, 8, 12)), ack, _DATA, choose.choice((1, 3, 5)), options)
        elif what < 0.66:
            self._send(side, here - 1, ack, _ACK, choose.randrange(2), options)
        elif what < 0.69:
            self._send(side, here, ack, _ACK, 1, options)
        elif what < 0.71:
            self._send(side, here, ack, _FIN)
            self.next[side] += 1
        elif what < 0.715:
            self._send(side, here - 1, ack, _FIN)
        elif what < 0.72:
            self._send(side, here, ack, _RST)
        else:
            for _ in range(choose.choice((1, 1, 2, 3))):
                self._send(side, here, self.acked[1 - side] if choose.random() < 0.7 else ack, _ACK, 0, options)

    def _ack(self, side: int) -> int:
        choose, peer = self.choose, 1 - side
        end = self.next[peer]
        ack = end if choose.random() < 0.6 else choose.choice((self.acked[peer], end - choose.randrange(20)))
        if self.wild and choose.random() < 0.05:
            ack = end + choose.randrange(1, 100)
        self.acked[peer] = max(self.acked[peer], ack)
        return ack

    def _sack(self, ack: int) -> bytes:
        choose = self.choose
        if choose.random() >= 0.15:
            return b""
        left = ack + choose.choice((10, 20, -20, 0))
        return b"\5\x0a" + struct.pack(">II", left % 2**32, (left + choose.choice((5, 10, 30))) % 2**32)

    def _send(self, side: int, sequence: int, ack: int, flags: int, octets: int = 0, options: bytes = b"") -> None:
        self.now += self.choose.choice(_PAUSES_NS)
        window = 0 if flags == _RST else self.window[side]
        packet = tcp_packet(side, self.port, sequence, ack, flags, window, b"x" * octets, options)
        self.writer.packet(self.now, packet)
