"""Fragments give back the datagram, however they travelled; what is not whole is counted."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_RR, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, fragment6
from scapy.packet import Packet, Raw
from scapy.utils import PcapWriter

from testbed.pcap.checksums import GOOD, ipv4_header_checksums
from testbed.pcap.decode import packet_table
from testbed.pcap.fragments import Fragments, reassemble_fragments
from testbed.pcap.read import parse_capture

SECOND = 10**9
TEXT = bytes(n * 7 % 251 for n in range(5_000))
V4 = {"src": "10.0.0.1", "dst": "10.0.0.2"}
V6 = {"src": "2001:db8::1", "dst": "2001:db8::2"}


def whole4(size: int = 5_000, id: int = 77) -> Packet:
    return IP(**V4, id=id) / UDP(sport=53, dport=4_000) / Raw(TEXT[:size])


def pieces4(packet: Packet | None = None, size: int = 800) -> list[bytes]:
    return [bytes(piece) for piece in fragment(packet or whole4(), fragsize=size)]


def whole6(size: int = 5_000, *extensions: Packet) -> Packet:
    packet = IPv6(**V6)
    for extension in extensions:
        packet = packet / extension
    return packet / UDP(sport=53, dport=4_000) / Raw(TEXT[:size])


def pieces6(size: int = 5_000, *extensions: Packet, id: int = 99) -> list[bytes]:
    packet = IPv6(**V6)
    for extension in extensions:
        packet = packet / extension
    packet = packet / IPv6ExtHdrFragment(id=id) / UDP(sport=53, dport=4_000) / Raw(TEXT[:size])
    return [bytes(piece) for piece in fragment6(packet, 1_280)]


def part4(block: int, octets: bytes, more: bool = True, id: int = 5) -> bytes:
    return bytes(IP(**V4, id=id, proto=17, flags="MF" if more else 0, frag=block) / Raw(octets))


def part6(block: int, octets: bytes, more: bool = True, id: int = 5) -> bytes:
    return bytes(IPv6(**V6) / IPv6ExtHdrFragment(nh=17, id=id, offset=block, m=int(more)) / Raw(octets))


PARTS = {"ipv4": part4, "ipv6": part6}


def header_at(packet: bytes) -> int:
    """Where the fragment header begins: extension headers are eight octets each in these tests."""
    kind, at = packet[6], 40
    while kind != 44:
        kind, at = packet[at], at + 8
    return at


def together(packets: list[bytes], step_ns: int = 1_000, cut: int | None = None, pad: int = 0) -> Fragments:
    """``cut`` octets of each are captured; ``pad`` is what lies behind each in the file."""
    data, columns = bytearray(b"\xee" * 50), []
    for number, packet in enumerate(packets):
        v6 = packet[0] >> 4 == 6
        here, kept = len(data), packet[:cut]
        columns.append(
            (number, number * step_ns, here, here + len(kept), v6, here + header_at(packet) if v6 else -1),
        )
        data += kept + b"\xdd" * pad
    row, time, ip, end, v6s, header = np.array(columns or np.zeros((0, 6)), np.int64).T
    return reassemble_fragments(np.frombuffer(bytes(data), np.uint8), row, time, ip, end, v6s.astype(bool), header)


def result(found: Fragments) -> list[tuple[int, bytes]]:
    return [(int(row), found.octets(n)) for n, row in enumerate(found.row)]


ORDERS = {
    "in order": lambda pieces: pieces,
    "reversed": lambda pieces: pieces[::-1],
    "shuffled": lambda pieces: random.Random(3).sample(pieces, len(pieces)),
    "each twice before the last": lambda pieces: [p for p in pieces[:-1] for _ in range(2)] + pieces[-1:],
    "the last one first": lambda pieces: [*pieces[-1:], *pieces[:-1]],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_ipv4_in_any_order(order: Callable[[list[bytes]], list[bytes]]) -> None:
    packets = order(pieces4())
    found = together(packets)
    assert result(found) == [(len(packets) - 1, bytes(whole4()))]
    assert (found.incomplete, found.overlapping, list(found.problems())) == (0, 0, [])


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_ipv6_in_any_order(order: Callable[[list[bytes]], list[bytes]]) -> None:
    packets = order(pieces6())
    found = together(packets)
    assert result(found) == [(len(packets) - 1, bytes(whole6()))]
    assert (found.incomplete, found.overlapping) == (0, 0)


EXTENSIONS = {
    "none": (),
    "hop by hop": (IPv6ExtHdrHopByHop(),),
    "two": (IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()),
}


@pytest.mark.parametrize("extensions", EXTENSIONS.values(), ids=EXTENSIONS)
def test_ipv6_keeps_what_stands_before_the_fragment_header(extensions: tuple[Packet, ...]) -> None:
    assert result(together(pieces6(3_000, *extensions))) == [(2, bytes(whole6(3_000, *extensions)))]


def test_ipv4_takes_the_header_of_the_first_fragment() -> None:
    """Options that are not copied stand only there (RFC 791 §3.1)."""
    options = [IPOption_NOP(), IPOption_RR(routers=["1.2.3.4"])]
    packet = IP(**V4, id=3, tos=8, ttl=9, options=options) / ICMP() / Raw(TEXT[:100])
    first, second = pieces4(packet, 64)
    short = IP(second)
    short.options, short.ihl, short.len, short.chksum, short.ttl = [], None, None, None, 200
    assert [octets for _, octets in result(together([bytes(short), first]))] == [bytes(packet)]


TRANSPORTS = {"tcp": TCP(dport=25), "udp": UDP(dport=53), "icmp": ICMP()}


@pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=TRANSPORTS)
def test_any_transport(transport: Packet) -> None:
    packet = IP(**V4, id=3) / transport / Raw(TEXT[:333])
    assert [octets for _, octets in result(together(pieces4(packet, 40)))] == [bytes(packet)]


@given(st.integers(9, 400), st.randoms(use_true_random=False), st.booleans())
def test_any_cut_and_order(size: int, chance: random.Random, v6: bool) -> None:
    body = TEXT[:size]
    cuts = sorted({0, *(chance.randrange(1, -(-size // 8)) for _ in range(chance.randrange(1, 12)))})
    part = part6 if v6 else part4
    packets = []
    for number, cut in enumerate(cuts):
        after = cuts[number + 1] * 8 if number + 1 < len(cuts) else None
        packets += [part(cut, body[cut * 8 : after], after is not None)] * chance.choice((1, 1, 2))
    chance.shuffle(packets)
    found = together(packets)
    # What is repeated behind the last one needed can be whole once more, or is a late copy.
    assert len(found) >= 1
    assert found.overlapping == 0
    for number in range(len(found)):
        assert found.octets(number).endswith(body)
        assert len(found.octets(number)) == (40 if v6 else 20) + size
    if len(found) == 1:
        assert found.incomplete == 0


def test_several_datagrams_at_once() -> None:
    mine, other, six = pieces4(), pieces4(whole4(2_000, id=78)), pieces6(2_000)
    packets = [*mine[:3], *other[:1], *six[:1], *mine[3:], *other[1:], *six[1:]]
    found = [octets for _, octets in result(together(packets))]
    assert found == [bytes(whole4()), bytes(whole4(2_000, id=78)), bytes(whole6(2_000))]


KEYS = {
    "identification": {"id": 78},
    "protocol": {"proto": 6},
    "source": {"src": "10.0.0.3"},
    "destination": {"dst": "10.0.0.3"},
}


@pytest.mark.parametrize("other", KEYS.values(), ids=KEYS)
def test_fragments_of_different_datagrams_do_not_mix(other: dict[str, object]) -> None:
    pieces = pieces4(size=3_000)
    last = IP(pieces[-1])
    for name, value in other.items():
        setattr(last, name, value)
    del last.chksum
    found = together([pieces[0], bytes(last)])
    assert (len(found), found.incomplete) == (0, 2)


@pytest.mark.parametrize("missing", [0, 3, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("pieces", [pieces4(), pieces6()], ids=["ipv4", "ipv6"])
def test_what_is_not_whole_is_counted(pieces: list[bytes], missing: int) -> None:
    packets = list(pieces)
    del packets[missing]
    found = together(packets)
    assert (len(found), found.incomplete) == (0, len(packets))
    sentence = f"{len(packets)} IP fragments belong to datagrams that are not whole and are left out"
    assert list(found.problems()) == [sentence]


@pytest.mark.parametrize("pieces", [pieces4(), pieces6()], ids=["ipv4", "ipv6"])
def test_a_datagram_that_travelled_twice_is_there_twice(pieces: list[bytes]) -> None:
    found = together(pieces * 2)
    assert found.row.tolist() == [len(pieces) - 1, 2 * len(pieces) - 1]
    assert found.incomplete == 0


@pytest.mark.parametrize("pieces", [pieces4(), pieces6()], ids=["ipv4", "ipv6"])
def test_late_copies_are_not_counted(pieces: list[bytes]) -> None:
    found = together([p for p in pieces for _ in range(2)])
    assert (found.row.tolist(), found.incomplete) == ([2 * len(pieces) - 2], 0)


def test_the_ordinary_decoder_reads_the_result() -> None:
    found = together([*pieces4(), *pieces6(3_000, IPv6ExtHdrHopByHop())])
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)]
    for number in range(len(found)):
        octets = found.octets(number)
        parts += [struct.pack("<IIII", 1, 0, len(octets), len(octets)), octets]
    table = packet_table(parse_capture(np.frombuffer(b"".join(parts), np.uint8)))
    assert (table.protocol.tolist(), table.length.tolist()) == ([17, 17], [5_000, 3_000])
    assert (table.source_port.tolist(), table.unread) == ([53, 53], ())
    assert ipv4_header_checksums(found.data, found.offset[:1], (found.offset + found.length)[:1]).tolist() == [GOOD]


A, B, C = b"a" * 16, b"b" * 16, b"c" * 8


def test_ipv4_octets_that_came_first_stay() -> None:
    found = together([part4(0, A), part4(1, B), part4(3, C, more=False)])
    assert [octets[20:] for _, octets in result(found)] == [A + B[8:] + C]
    assert (found.incomplete, found.overlapping) == (0, 1)


def test_ipv4_a_fragment_over_several_holes_fills_each() -> None:
    found = together([part4(1, C), part4(3, C), part4(0, b"d" * 40), part4(5, b"e", more=False)])
    assert [octets[20:] for _, octets in result(found)] == [b"d" * 8 + C + b"d" * 8 + C + b"d" * 8 + b"e"]
    assert found.overlapping == 1


def test_ipv4_same_place_other_octets() -> None:
    found = together([part4(0, A), part4(0, B), part4(2, C, more=False)])
    assert [octets[20:] for _, octets in result(found)] == [A + C]
    assert found.overlapping == 1


CONTRADICTIONS = {
    "shorter end": [(2, C, False), (1, C, False), (0, A, True)],
    "longer end": [(2, C, False), (3, C, False), (0, A, True)],
    "beyond the end": [(2, C, False), (7, C, True), (0, A, True)],
    "end before what was there": [(3, C, True), (2, C, False), (0, A, True)],
    "end within what was there": [(2, C, True), (2, b"c", False), (0, A, True)],
}


@pytest.mark.parametrize("parts", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradicting_ends(parts: list[tuple[int, bytes, bool]]) -> None:
    found = together([part4(*part) for part in parts])
    assert found.overlapping == 1
    assert [octets[20:] for _, octets in result(found)] in ([], [A + C])
    found = together([part6(*part) for part in parts])
    assert (len(found), found.overlapping, found.incomplete) == (0, 1, 3)


def test_ipv6_overlapping_drops_the_datagram_and_what_comes_later() -> None:
    found = together([part6(0, A), part6(1, B), part6(3, C, more=False), part6(0, A), part6(2, C)])
    assert (len(found), found.incomplete, found.overlapping) == (0, 5, 1)
    assert any("overlap others" in sentence for sentence in found.problems())


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_sixty_seconds(part: Callable[..., bytes]) -> None:
    packets = [part(0, A), part(2, C), part(3, C, more=False)]
    assert len(together(packets, 30 * SECOND)) == 1
    late = together(packets, 31 * SECOND)
    assert (len(late), late.incomplete) == (0, 3)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_number_used_again_after_the_time_limit(part: Callable[..., bytes]) -> None:
    found = together([part(0, A), part(0, B), part(2, C, more=False)], 61 * SECOND)
    assert (len(found), found.incomplete, found.overlapping) == (0, 3, 0)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_nothing_comes_of_what_is_no_fragment(part: Callable[..., bytes]) -> None:
    for bad in (part(2, b"", more=False), part(2, b"c" * 7), part(8_191, b"c" * 16, more=False)):
        found = together([part(0, A), bad])
        assert (len(found), found.incomplete) == (0, 2)


def test_a_datagram_as_large_as_can_be() -> None:
    body = bytes(n % 256 for n in range(65_515))
    packets = [part4(n // 8, body[n : n + 1_480], n + 1_480 < len(body)) for n in range(0, len(body), 1_480)]
    assert [len(octets) for _, octets in result(together(packets))] == [65_535]
    over = [*packets[:-1], part4(65_120 // 8, body[65_120:] + b"x", more=False)]
    assert len(together(over)) == 0


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_what_is_a_fragment_in_name_only_is_whole(part: Callable[..., bytes]) -> None:
    """An atomic fragment is handled by itself, whatever goes by the same number (RFC 6946)."""
    found = together([part(0, A), part(0, B, more=False), part(2, C, more=False)])
    assert [octets[-24:][-8:] for _, octets in result(found)] == [B[:8], C]
    assert (found.incomplete, found.overlapping) == (0, 0)


def test_what_the_capture_cut_is_not_whole() -> None:
    found = together(pieces4(), cut=96)
    assert (len(found), found.incomplete) == (0, len(pieces4()))


def test_padding_of_the_link_is_left_out() -> None:
    assert [octets for _, octets in result(together(pieces4(), pad=9))] == [bytes(whole4())]


def test_no_fragments() -> None:
    assert (len(together([])), list(together([]).problems())) == (0, [])


def test_datagrams_in_progress_are_bounded() -> None:
    first = [part4(0, A, id=n) for n in range(5_000)]
    found = together([*first, *(part4(2, C, more=False, id=n) for n in range(5_000))])
    # What was given up is the oldest; its last fragment begins anew and pushes out the next.
    assert len(found) == 0 or len(found) <= 4_096
    found = together([*first, *(part4(2, C, more=False, id=n) for n in reversed(range(5_000)))])
    assert len(found) == 4_096
    assert found.incomplete == 2 * (5_000 - 4_096)


@pytest.mark.cpu_seconds(60)
def test_pieces_in_progress_are_bounded() -> None:
    """Fragments of eight octets, more than are held at once: the datagrams begun last still become whole."""
    template = part4(0, C)
    small = [
        template[:4] + struct.pack(">HH", id, 0x2000 | block) + template[8:]
        for id in range(34)
        for block in range(8_000)
    ]
    found = together([*small, part4(8_000, C, more=False, id=33)], step_ns=10)
    assert [len(octets) for _, octets in result(found)] == [20 + 8_001 * 8]
    assert found.incomplete == 33 * 8_000


@given(st.lists(st.tuples(st.integers(0, 8_191), st.integers(0, 64), st.booleans(), st.booleans()), max_size=40))
def test_hostile_fragments_raise_nothing_and_none_is_lost_count_of(parts: list[tuple[int, int, bool, bool]]) -> None:
    packets = [(part6 if v6 else part4)(block % 9, TEXT[:size], more) for block, size, more, v6 in parts]
    packets += [(part6 if v6 else part4)(block, TEXT[:size], more) for block, size, more, v6 in parts]
    found = together(packets)
    assert found.incomplete + len(found) <= len(packets)
    for number in range(len(found)):
        octets = found.octets(number)
        assert IP(octets).len == len(octets) if octets[0] >> 4 == 4 else IPv6(octets).plen == len(octets) - 40


@given(st.binary(min_size=0, max_size=120), st.booleans(), st.integers(0, 60))
def test_any_octets_raise_nothing(octets: bytes, v6: bool, header: int) -> None:
    columns = [np.array([n], np.int64) for n in (0, 0, 0, len(octets))]
    data = np.frombuffer(octets, np.uint8)
    reassemble_fragments(data, *columns, np.array([v6]), np.array([min(header, len(octets))], np.int64))


SHARK = {
    "ipv4 in order": pieces4(),
    "ipv4 reversed": pieces4()[::-1],
    "ipv4 shuffled": random.Random(5).sample(pieces4(), len(pieces4())),
    "ipv4 each twice": [p for p in pieces4()[:-1] for _ in range(2)] + pieces4()[-1:],
    "ipv4 two at once": [p for pair in zip(pieces4(), pieces4(whole4(id=78)), strict=True) for p in pair],
    "ipv4 the same twice": pieces4() * 2,
    "ipv4 the last one missing": pieces4()[:-1],
    "ipv6 in order": pieces6(),
    "ipv6 reversed": pieces6()[::-1],
    "ipv6 with extension headers": pieces6(3_000, IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()),
    "ipv6 the first one missing": pieces6()[1:],
    "both": [p for pair in zip(pieces4(), [*pieces6(), *pieces6(id=4)], strict=False) for p in pair],
}


@pytest.mark.program("tshark")
@pytest.mark.parametrize("packets", SHARK.values(), ids=SHARK)
def test_frames_where_wireshark_shows_the_datagram(packets: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "fragments.pcap"
    with PcapWriter(str(path), linktype=101) as out:
        for number, packet in enumerate(packets):
            file_packet = Raw(packet)
            file_packet.time = 1_700_000_000 + number / 1_000
            out.write(file_packet)
    command = ["tshark", "-2", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f"]
    for name in ("frame.number", "ip.reassembled.length", "ipv6.reassembled.length"):
        command += ["-e", name]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    theirs = {int(n): int(four or six) for n, four, six in (line.split("\t") for line in lines) if four or six}
    found = together(packets)
    ours = {row + 1: len((IP if octets[0] >> 4 == 4 else IPv6)(octets)[UDP]) for row, octets in result(found)}
    assert ours == theirs
