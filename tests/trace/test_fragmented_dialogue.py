"""What came in IP fragments is read like everything else."""

from __future__ import annotations

import numpy as np
import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.packet import Packet
from talk import Talk, watch

QUESTION = DNSQR(qname="someschool.edu", qtype="TXT")
ANSWERS = [DNSRR(rrname="someschool.edu", type="TXT", rdata=[letter * 200]) for letter in "abcdefgh"]


def answer(ip: Packet) -> Packet:
    records = ANSWERS[0]
    for record in ANSWERS[1:]:
        records /= record
    return ip / UDP(sport=53, dport=5_000) / DNS(id=7, qr=1, qd=QUESTION, an=records, ancount=len(ANSWERS))


def pieces(v6: bool) -> list[Packet]:
    if v6:
        ip = IPv6(src="2001:db8::2", dst="2001:db8::1") / IPv6ExtHdrFragment()
        return [IPv6(bytes(piece)) for piece in fragment6(answer(ip), 600)]
    return list(fragment(answer(IP(src="10.0.0.2", dst="10.0.0.1", id=9)), 512))


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "backwards"])
def test_a_long_dns_answer(v6: bool, order: int) -> None:
    talk = Talk(v6=v6)
    query = talk.ip(0) / UDP(sport=5_000, dport=53) / DNS(id=7, qd=QUESTION)
    talk.packets += [query, *pieces(v6)[::order]]
    analysis = watch(talk)
    [connection] = analysis.connections
    assert connection.packets == 2
    reply = connection.exchanges[0].reply
    assert reply is not None
    assert reply.frames == (len(talk.packets),)
    assert len(reply.lines) == len(ANSWERS)
    assert analysis.problems == ()
    assert np.array_equal(analysis.capture.frame, np.arange(1, len(talk.packets) + 1))
