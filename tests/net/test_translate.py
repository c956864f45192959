"""Packets of loopback with the ports of the services in them: made by scapy, checked by scapy's checksums."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, UDPerror
from scapy.packet import Packet, Raw

from testbed.net.translate import ports_of, translated

SERVICES = {10_001: 25, 10_002: 53}
PAIR = {"src": "127.0.0.10", "dst": "127.0.0.30"}


def service(port: int) -> int:
    return SERVICES.get(port, port)


@pytest.mark.parametrize("octets", [b"", b"EHLO a\r\n", b"odd"])
@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (IP(**PAIR) / TCP(sport=40_000, dport=10_001, seq=7, flags="PA", chksum=0x1234), ("sport", 40_000, 25)),
        (IP(**PAIR) / TCP(sport=10_001, dport=40_000, options=[("MSS", 1460)]), ("sport", 25, 40_000)),
        (IP(**PAIR) / UDP(sport=40_000, dport=10_002, chksum=0x1234), ("sport", 40_000, 53)),
    ],
)
def test_ports_are_put_in_and_the_checksum_fits(packet: Packet, expected: tuple[str, int, int], octets: bytes) -> None:
    found = IP(translated(bytes(packet / Raw(octets)), service))
    assert (found.payload.sport, found.payload.dport) == expected[1:]
    told = found.payload.chksum
    del found.payload.chksum
    assert IP(bytes(found)).payload.chksum == told
    assert bytes(found.payload.payload) == octets


def test_so_are_those_of_a_packet_an_icmp_message_quotes() -> None:
    quoted = IP(**PAIR) / UDP(sport=40_000, dport=10_002) / Raw(b"question")
    packet = bytes(IP(src=PAIR["dst"], dst=PAIR["src"]) / ICMP(type=3, code=3) / quoted)
    assert ports_of(packet) == (40_000, 10_002)
    found = IP(translated(packet, service))
    assert found[IPerror][UDPerror].dport == 53
    told = found[ICMP].chksum
    del found[ICMP].chksum
    assert IP(bytes(found))[ICMP].chksum == told


@pytest.mark.parametrize("packet", [IP(**PAIR) / ICMP(type=8), IP(**PAIR, proto=47), IP(**PAIR) / ICMP(type=3)])
def test_what_has_no_ports_has_none(packet: Packet) -> None:
    assert ports_of(bytes(packet)) is None
