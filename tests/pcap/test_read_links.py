"""From the link layer to TCP: every link type gives the same packet."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.layers.l2 import ARP, CookedLinux, Dot1AD, Dot1Q, Ether, Loopback
from scapy.layers.ppp import PPP, PPPoE
from scapy.packet import Packet, Raw

from testbed.pcap.capture import Capture
from testbed.pcap.decode import packet_table
from testbed.pcap.read import parse_capture
from testbed.pcap.table import PacketTable

SEGMENT = TCP(sport=40_000, dport=25, seq=4_000_000_000, ack=7, flags="PA", window=513) / Raw(b"EHLO a\r\n")
V4 = IP(src="10.0.0.1", dst="10.0.0.2") / SEGMENT
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2") / SEGMENT
ETHER = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def capture_of(link: int, *packets: bytes, captured: int | None = None) -> Capture:
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link)]
    for octets in packets:
        kept = octets[:captured]
        parts.append(struct.pack("<IIII", 1, 0, len(kept), len(octets)) + kept)
    return parse_capture(np.frombuffer(b"".join(parts), np.uint8))


def table_of(link: int, *packets: Packet | bytes, captured: int | None = None) -> PacketTable:
    return packet_table(capture_of(link, *(bytes(packet) for packet in packets), captured=captured))


def sll2(ethertype: int, inner: Packet) -> bytes:
    return struct.pack(">HHIHBB", ethertype, 0, 1, 1, 0, 6) + bytes(8) + bytes(inner)


LINKS = {
    "ethernet": (1, Ether(**ETHER) / V4),
    "vlan": (1, Ether(**ETHER) / Dot1Q(vlan=5) / V4),
    "mpls": (1, Ether(**ETHER) / MPLS(label=16, s=1) / V4),
    "three mpls labels": (1, Ether(**ETHER) / MPLS(label=16, s=0) / MPLS(label=17, s=0) / MPLS(label=18, s=1) / V4),
    "mpls in a vlan": (1, Ether(**ETHER) / Dot1Q(vlan=5) / MPLS(label=16, s=1) / V4),
    "two vlan tags": (1, Ether(**ETHER) / Dot1AD(vlan=5) / Dot1Q(vlan=6) / V4),
    "pppoe": (1, Ether(**ETHER) / PPPoE(sessionid=1) / PPP(proto=0x21) / V4),
    "pppoe in a vlan": (1, Ether(**ETHER) / Dot1Q(vlan=5) / PPPoE(sessionid=1) / PPP(proto=0x21) / V4),
    "ethernet padding": (1, bytes(Ether(**ETHER) / V4) + bytes(9)),
    "raw": (101, V4),
    "raw (openbsd)": (12, V4),
    "ipv4": (228, V4),
    "null, little endian": (0, Loopback(type=2) / V4),
    "null, big endian": (0, b"\0\0\0\2" + bytes(V4)),
    "loop": (108, b"\0\0\0\2" + bytes(V4)),
    "cooked": (113, CookedLinux(proto=0x800) / V4),
    "cooked v2": (276, sll2(0x800, V4)),
}
LINKS_V6 = {
    "ethernet": (1, Ether(**ETHER) / V6),
    "pppoe": (1, Ether(**ETHER) / PPPoE(sessionid=1) / PPP(proto=0x57) / V6),
    "raw": (101, V6),
    "ipv6": (229, V6),
    "null": (0, b"\x1e\0\0\0" + bytes(V6)),
    "cooked": (113, CookedLinux(proto=0x86DD) / V6),
    "cooked v2": (276, sll2(0x86DD, V6)),
}


def assert_segment(table: PacketTable, source: str, destination: str) -> None:
    assert len(table) == 1
    assert table.addresses[int(table.source[0])] == source
    assert table.addresses[int(table.destination[0])] == destination
    sequence, acknowledgement, window = table.tcp(np.arange(1))
    fields = (table.source_port, table.destination_port, sequence, acknowledgement, table.flags)
    assert [int(field[0]) for field in fields] == [40_000, 25, 4_000_000_000, 7, 0x18]
    assert [int(field[0]) for field in (window, table.length, table.captured())] == [513, 8, 8]
    assert table.unread == ()


@pytest.mark.parametrize(("link", "packet"), LINKS.values(), ids=LINKS)
def test_link_types(link: int, packet: Packet) -> None:
    assert_segment(table_of(link, packet), "10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(("link", "packet"), LINKS_V6.values(), ids=LINKS_V6)
def test_link_types_v6(link: int, packet: Packet) -> None:
    assert_segment(table_of(link, packet), "2001:db8::1", "2001:db8::2")


EXTENSIONS = {
    "hop by hop": IPv6ExtHdrHopByHop(),
    "routing": IPv6ExtHdrRouting(addresses=["2001:db8::9"]),
    "destination options": IPv6ExtHdrDestOpt(),
    "three of them": IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt(),
    "atomic fragment": IPv6ExtHdrFragment(offset=0, m=0),
}


@pytest.mark.parametrize("extensions", EXTENSIONS.values(), ids=EXTENSIONS)
def test_ipv6_extension_headers(extensions: Packet) -> None:
    packet = IPv6(src="2001:db8::1", dst="2001:db8::2") / extensions / SEGMENT
    assert_segment(table_of(101, packet), "2001:db8::1", "2001:db8::2")


def test_ip_and_tcp_options_are_stepped_over() -> None:
    from scapy.layers.inet import IPOption_NOP

    segment = SEGMENT.copy()
    segment[TCP].options = [("NOP", None), ("Timestamp", (1, 2))]
    packet = IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption_NOP()] * 4) / segment
    assert_segment(table_of(101, packet), "10.0.0.1", "10.0.0.2")


def test_length_is_that_on_the_wire_and_captured_that_in_the_file() -> None:
    packet = V4 / Raw(bytes(500))
    table = table_of(101, packet, captured=60)
    assert (int(table.length[0]), int(table.captured()[0])) == (508, 20)


def test_padding_behind_pppoe_is_no_payload() -> None:
    inner = bytes(IP(src="10.0.0.1", dst="10.0.0.2", len=46) / TCP(sport=1, dport=25, flags="A")) + bytes(6)
    header = bytes(Ether(**ETHER, type=0x8864)) + struct.pack(">BBHHH", 0x11, 0, 1, 42, 0x21)
    assert table_of(1, header + inner).length.tolist() == [0]


def test_segmentation_offload_leaves_the_ip_length_zero() -> None:
    octets = bytearray(bytes(V4))
    octets[2:4] = b"\0\0"
    assert table_of(101, bytes(octets)).length.tolist() == [8]


def test_what_cannot_be_read_is_told() -> None:
    table = table_of(101, IP(flags="MF") / UDP() / Raw(b"x"), bytes(V4)[:30], V4)
    assert len(table) == 1
    assert "1 IP fragments belong to datagrams that are not whole and are left out" in table.unread
    assert any("cut too short" in sentence for sentence in table.unread)


def test_other_protocols_are_no_rows() -> None:
    assert len(table_of(1, Ether(**ETHER) / ARP(), Ether(**ETHER) / IP(proto=89) / Raw(bytes(40)))) == 0


def test_an_unknown_link_type_is_told() -> None:
    assert table_of(147, bytes(60)).unread == ("1 frames of link type 147 cannot be read and are left out",)


@pytest.mark.parametrize("cut", range(0, len(bytes(Ether(**ETHER) / V4)), 3))
def test_cut_frames_raise_nothing(cut: int) -> None:
    for link, packet in LINKS.values():
        table = table_of(link, packet, V4, captured=cut)
        assert all(0 <= n <= 8 for n in table.captured().tolist())
