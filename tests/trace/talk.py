"""Small captures told in a few words: who sends what, when."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import Self

import numpy as np
from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRRMX
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.packet import Packet, Raw

from testbed.pcap.read import parse_capture
from testbed.pcap.write import TraceWriter
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse

_START, _STEP = 1_700_000_000 * 10**9, 10_000_000


@dataclass
class Talk:
    """One client and one server; sequence numbers count themselves."""

    port: int = 40_000
    v6: bool = False
    hosts: tuple[str, str] = ("10.0.0.1", "10.0.0.2")
    server_port: int = 25
    packets: list[Packet] = field(default_factory=list)
    next: list[int] = field(default_factory=lambda: [1_000, 9_000])
    waits: dict[int, int] = field(default_factory=dict)  # nanoseconds before a packet, by its place

    def wait(self, seconds: float) -> Talk:
        """Nobody says anything meanwhile; less than nothing sets the clock back."""
        self.waits[len(self.packets)] = int(seconds * 10**9)
        return self

    def segment(self, side: int, flags: str, octets: bytes = b"", back: int = 0) -> Self:
        """A segment of client (0) or server (1); ``back`` sends again from that many octets before."""
        ends = (self.port, self.server_port)
        ports = {"sport": ends[side], "dport": ends[1 - side]}
        ack = self.next[1 - side] if "A" in flags else 0
        tcp = TCP(**ports, seq=self.next[side] - back, ack=ack, flags=flags, window=8_000)
        self.packets.append(self.ip(side) / tcp / Raw(octets))
        if not back:
            self.next[side] += len(octets) + ("S" in flags) + ("F" in flags)
        return self

    def ip(self, side: int) -> Packet:
        ends = ("2001:db8::1", "2001:db8::2") if self.v6 else self.hosts
        return (IPv6 if self.v6 else IP)(src=ends[side], dst=ends[1 - side])

    def open(self) -> Self:
        return self.segment(0, "S").segment(1, "SA").segment(0, "A")

    def close(self) -> Self:
        return self.segment(0, "FA").segment(1, "FA").segment(0, "A")

    def say(self, *lines: str) -> Self:
        """``C ...`` and ``S ...``; the line ends are added."""
        for line in lines:
            self.segment("CS".index(line[0]), "PA", line[2:].encode() + b"\r\n")
        return self

    def unreachable(self, code: int = 1) -> Self:
        """Somebody on the way complains about the last packet."""
        error = ICMPv6DestUnreach(code=code) if self.v6 else ICMP(type=3, code=code)
        self.packets.append(self.ip(1) / error / self.packets[-1])
        return self

    def ask(
        self,
        name: str,
        kind: str,
        *records: str,
        rcode: int | None = 0,
        truncated: bool = False,
        number: int = 7,
        answered_id: int | None = None,
        cut: int = 0,
    ) -> Self:
        """A DNS query and, unless ``rcode`` is None, its answer: ``MX 10 mx.y.example``, less ``cut`` octets."""
        question = DNSQR(qname=name, qtype=kind)
        self.packets.append(self.ip(0) / UDP(sport=self.port, dport=53) / DNS(id=number, qd=question))
        if rcode is not None:
            answers = [_record(name, *record.split(" ")) for record in records]
            reply_id = number if answered_id is None else answered_id
            answer = DNS(id=reply_id, qr=1, rcode=rcode, tc=int(truncated), qd=question, an=answers)
            octets = bytes(answer)
            self.packets.append(self.ip(1) / UDP(sport=53, dport=self.port) / Raw(octets[: len(octets) - cut]))
        return self


def _record(name: str, kind: str, *data: str) -> Packet:
    if kind == "MX":
        return DNSRRMX(rrname=name, preference=int(data[0]), exchange=data[1])
    return DNSRR(rrname=name, type=kind, rdata=data[0])


def watch(*talks: Talk) -> Analysis:
    """What the inspector understands of some conversations, one after the other."""
    return analyse(parse_capture(np.frombuffer(capture(*talks), np.uint8)))


def capture(*talks: Talk) -> bytes:
    """A file of them."""
    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    time_ns = _START
    for talk in talks:
        for place, packet in enumerate(talk.packets):
            time_ns += talk.waits.get(place, 0)
            writer.packet(time_ns, bytes(packet))
            time_ns += _STEP
    return file.getvalue()
