"""Checksums as scapy computes them are good; one wrong octet is bad; what the card was to fill in is neither."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_LSRR, IPOption_NOP, IPOption_Timestamp
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.packet import Packet, Raw

from testbed.pcap.checksums import BAD, GOOD, OFFLOADED, UNKNOWN, ipv4_header_checksums, transport_checksums

TEXT = bytes(n * 91 % 253 for n in range(3_000))
V4 = IP(src="10.0.0.1", dst="192.0.2.200")
V6 = IPv6(src="2001:db8::1", dst="2001:db8:ffff::2")
TIMESTAMP = TCP(sport=40_000, dport=25, seq=4_000_000_000, flags="PA", options=[("Timestamp", (1, 2))])

TRANSPORTS = {
    "tcp": TCP(sport=40_000, dport=25, seq=4_000_000_000, ack=7, flags="PA", window=513),
    "tcp with options": TIMESTAMP,
    "udp": UDP(sport=53, dport=4_000),
    "icmp": ICMP(id=9, seq=1),
}
TRANSPORTS_V6 = {
    "tcp": TRANSPORTS["tcp"],
    "tcp with options": TIMESTAMP,
    "udp": TRANSPORTS["udp"],
    "echo": ICMPv6EchoRequest(id=9, seq=1),
    "unreachable": ICMPv6DestUnreach(code=1),
}
HEADERS = {"plain": V4, "options": V4.copy()}
HEADERS["options"].options = [IPOption_NOP()] * 3 + [IPOption_Timestamp(pointer=9, timestamp=7)]
HEADERS_V6 = {"plain": V6, "extended": V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()}
SIZES = (0, 1, 2, 7, 8, 63, 250, 1_459)
PLACE = {6: 16, 17: 6, 1: 2, 58: 2}
PROTOCOLS = {TCP: 6, UDP: 17, ICMP: 1, ICMPv6EchoRequest: 58, ICMPv6DestUnreach: 58}


class Laid:
    """Packets laid one behind the other in a file, at places both even and odd, and the columns that tell where."""

    def __init__(self, packets: list[Packet | bytes], cut: int | None = None) -> None:
        data = bytearray(b"\xa5" * 3)
        columns = []
        for number, packet in enumerate(packets):
            octets = bytes(packet)
            v6 = octets[0] >> 4 == 6
            protocol, transport = _transport(octets)
            length = int.from_bytes(octets[4:6], "big") + 40 if v6 else int.from_bytes(octets[2:4], "big")
            at = len(data)
            kept = octets[:cut]
            columns.append((protocol, v6, at, at + transport, at + (length or len(octets)), at + len(kept)))
            data += kept + b"\xa5" * (number % 8 + 9)
        self.data = np.frombuffer(bytes(data), np.uint8)
        self.columns = np.array(columns or np.zeros((0, 6)), np.int64).T

    def verdicts(self) -> list[int]:
        return self.of(slice(None)).tolist()

    def of(self, rows: slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        protocol, v6, ip, transport, end, captured = (column[rows] for column in self.columns)
        return transport_checksums(self.data, protocol, v6.astype(bool), ip, transport, end, captured)

    def headers(self) -> list[int]:
        return ipv4_header_checksums(self.data, self.columns[2], self.columns[5]).tolist()


def _transport(octets: bytes) -> tuple[int, int]:
    if octets[0] >> 4 == 4:
        return octets[9], (octets[0] & 15) * 4
    kind, at = octets[6], 40
    while kind in (0, 43, 60):
        kind, at = octets[at], at + (octets[at + 1] + 1) * 8
    return kind, at


def with_field(packet: Packet, value: int) -> bytes:
    """The packet with another transport checksum."""
    octets = bytearray(bytes(packet))
    protocol, at = _transport(octets)
    octets[at + PLACE[protocol] : at + PLACE[protocol] + 2] = value.to_bytes(2, "big")
    return bytes(octets)


def pseudo_sum(packet: Packet, length: int | None = None) -> int:
    """The sum of the pseudo-header, not complemented, as a stack leaves it to the card."""
    octets = bytes(packet)
    protocol, at = _transport(octets)
    addresses = octets[8:40] if octets[0] >> 4 == 6 else octets[12:20]
    size = len(octets) - at if length is None else length
    total = sum(int.from_bytes(addresses[n : n + 2], "big") for n in range(0, len(addresses), 2)) + protocol + size
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def every(headers: dict[str, Packet], transports: dict[str, Packet]) -> list[Packet]:
    return [h / t / Raw(TEXT[:size]) for h in headers.values() for t in transports.values() for size in SIZES]


EVERY = [*every(HEADERS, TRANSPORTS), *every(HEADERS_V6, TRANSPORTS_V6)]


def test_as_scapy_computes_them() -> None:
    assert Laid(EVERY).verdicts() == [GOOD] * len(EVERY)


def test_alone_and_in_any_order() -> None:
    laid = Laid(EVERY)
    for n in range(len(EVERY)):
        assert laid.of(np.array([n])).tolist() == [GOOD]
    shuffled = np.array(random.Random(2).sample(range(len(EVERY)), len(EVERY)))
    assert set(laid.of(shuffled).tolist()) == {GOOD}


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_one_wrong_bit_anywhere(bit: int) -> None:
    """In the transport header or the payload, and in the addresses, wherever a checksum covers them."""
    for packet in (V4 / TIMESTAMP / Raw(TEXT[:21]), V6 / TIMESTAMP / Raw(TEXT[:21]), V4 / ICMP() / Raw(TEXT[:9])):
        octets = bytes(packet)
        protocol, at = _transport(octets)
        start = at if protocol == 1 else at - (32 if octets[0] >> 4 == 6 else 8)
        broken = []
        for place in range(start, len(octets)):
            wrong = bytearray(octets)
            wrong[place] ^= bit
            broken.append(bytes(wrong))
        assert set(Laid(broken).verdicts()) == {BAD}


def test_what_was_left_to_the_card() -> None:
    packets = [h / t / Raw(TEXT[:333]) for h in (V4, V6) for t in (TRANSPORTS["tcp"], TRANSPORTS["udp"], TIMESTAMP)]
    assert Laid([with_field(p, pseudo_sum(p)) for p in packets]).verdicts() == [OFFLOADED] * len(packets)
    assert Laid([with_field(p, pseudo_sum(p, 0)) for p in packets]).verdicts() == [OFFLOADED] * len(packets)
    assert Laid([with_field(p, pseudo_sum(p) ^ 0x10) for p in packets]).verdicts() == [BAD] * len(packets)


def test_segments_for_the_card_to_divide_have_no_ip_length() -> None:
    packet = V4 / TRANSPORTS["tcp"] / Raw(TEXT)
    octets = bytearray(with_field(packet, pseudo_sum(packet)))
    octets[2:4] = b"\0\0"
    assert Laid([bytes(octets)]).verdicts() == [OFFLOADED]


EMPTY = {
    "udp over ipv4 needs none": (V4 / UDP() / Raw(b"x"), UNKNOWN),
    "udp over ipv6 needs one": (V6 / UDP() / Raw(b"x"), BAD),
    "tcp": (V4 / TCP() / Raw(b"x"), OFFLOADED),
    "icmp": (V4 / ICMP() / Raw(b"x"), BAD),
}


@pytest.mark.parametrize(("packet", "verdict"), EMPTY.values(), ids=EMPTY)
def test_empty_fields(packet: Packet, verdict: int) -> None:
    assert Laid([with_field(packet, 0)]).verdicts() == [verdict]


def test_a_sum_of_zero_is_sent_as_all_ones() -> None:
    """RFC 768: zero would mean that there is none."""
    bare = bytes(V4 / UDP(chksum=0) / Raw(b"\0\0"))
    total = sum(int.from_bytes(bare[n : n + 2], "big") for n in range(20, len(bare), 2)) + pseudo_sum(bare)
    packet = V4 / UDP(chksum=0) / Raw((-total % 0xFFFF).to_bytes(2, "big"))
    assert Laid([with_field(packet, 0xFFFF)]).verdicts() == [GOOD]


def test_only_what_was_captured_whole() -> None:
    packets = [V4 / TCP() / Raw(TEXT[:size]) for size in (500, 56, 57)]
    assert Laid([with_field(p, 7) for p in packets], cut=96).verdicts() == [UNKNOWN, BAD, UNKNOWN]


def test_a_datagram_may_be_shorter_than_its_packet() -> None:
    packet = V4 / UDP() / Raw(TEXT[:31])
    octets = bytearray(bytes(packet) + b"trailer")
    octets[2:4] = len(octets).to_bytes(2, "big")
    assert Laid([bytes(octets)]).verdicts() == [GOOD]


def test_source_routes_hide_the_last_destination() -> None:
    """RFC 8200 §8.1: the pseudo-header has the address the packet is for in the end."""
    routed = V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting(addresses=["2001:db8::9"], segleft=1) / TCP() / Raw(b"x")
    arrived = V6 / IPv6ExtHdrRouting(addresses=["2001:db8::9"], segleft=0) / TCP() / Raw(b"x")
    options = V4.copy()
    options.options = [IPOption_NOP(), IPOption_LSRR(routers=["1.2.3.4"])]
    wrong = [with_field(p, 7) for p in (routed, arrived, options / TCP(), HEADERS["options"] / TCP())]
    assert Laid(wrong).verdicts() == [UNKNOWN, BAD, UNKNOWN, BAD]


def test_other_protocols() -> None:
    assert Laid([V4 / Raw(TEXT[:40]), IP(proto=89) / Raw(TEXT[:40])]).verdicts() == [UNKNOWN] * 2


def test_ipv4_headers() -> None:
    good = [HEADERS["plain"] / TCP(), HEADERS["options"] / TCP(), IP(src="255.255.255.255", id=0xFFFF) / UDP()]
    assert Laid(good).headers() == [GOOD] * 3
    wrong, empty = [], []
    for packet in good[:2]:
        octets = bytearray(bytes(packet))
        octets[10:12] = b"\0\0"
        empty.append(bytes(octets))
        octets[10:12] = b"\0\7"
        wrong.append(bytes(octets))
    assert Laid(wrong).headers() == [BAD] * 2
    assert Laid(empty).headers() == [OFFLOADED] * 2
    assert Laid([bytes(good[1])], cut=22).headers() == [UNKNOWN]


def test_no_packets() -> None:
    laid = Laid([])
    assert (laid.verdicts(), laid.headers()) == ([], [])


def test_many_packets_over_several_stretches() -> None:
    chance = random.Random(4)
    good = [bytes(p) for p in EVERY]
    packets = [chance.choice(good) for _ in range(6_000)]
    broken = set(chance.sample(range(6_000), 300))
    for n in broken:
        octets = bytearray(packets[n])
        octets[_transport(octets)[1]] ^= 0x40
        packets[n] = bytes(octets)
    assert np.flatnonzero(np.array(Laid(packets).verdicts()) == BAD).tolist() == sorted(broken)


def reference(octets: bytes) -> bool:
    """RFC 1071 word by word."""
    protocol, at = _transport(octets)
    body = octets[at:] + b"\0" * (len(octets[at:]) % 2)
    total = sum(int.from_bytes(body[n : n + 2], "big") for n in range(0, len(body), 2))
    if protocol != 1:
        total += pseudo_sum(octets)
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=70), st.integers(1, 0xFFFF)), min_size=1, max_size=30))
def test_against_the_words_of_the_rfc(parts: list[tuple[bool, bytes, int]]) -> None:
    packets = [bytes((V6 if v6 else V4) / TCP() / Raw(octets)) for v6, octets, _ in parts]
    packets += [with_field(p, field) for p, (_, _, field) in zip(packets, parts, strict=True)]
    for packet, verdict in zip(packets, Laid(packets).verdicts(), strict=True):
        assert (verdict == GOOD) == reference(packet)


@pytest.mark.program("tshark")
def test_as_wireshark_finds_them(tmp_path: Path) -> None:
    """Wireshark knows no third kind: what was left to the card is bad there."""
    packets = [bytes(p) for p in EVERY]
    packets += [with_field(p, 0x1234) for p in EVERY] + [with_field(p, pseudo_sum(p)) for p in EVERY]
    path = tmp_path / "checksums.pcap"
    records = [struct.pack("<IIII", 1, 0, len(p), len(p)) + p for p in packets]
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101) + b"".join(records))
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f"]
    for name in ("tcp", "udp", "icmp", "icmpv6"):
        command += ["-e", f"{name}.checksum.status"]
    for name in ("tcp", "udp"):
        command += ["-o", f"{name}.check_checksum:TRUE"]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    theirs = ["".join(line.split("\t"))[:1] == "0" for line in lines]
    assert [verdict in (BAD, OFFLOADED) for verdict in Laid(packets).verdicts()] == theirs


@given(st.binary(min_size=1, max_size=100), st.lists(st.integers(0, 100), min_size=6, max_size=6), st.booleans())
def test_any_places_raise_nothing(octets: bytes, places: list[int], v6: bool) -> None:
    data = np.frombuffer(octets, np.uint8)
    ip, transport, end, captured = (np.array([place % (len(octets) + 1)]) for place in places[:4])
    for protocol in PLACE:
        transport_checksums(data, np.array([protocol]), np.array([v6]), ip, transport, end, captured)
    ipv4_header_checksums(data, ip, captured)
