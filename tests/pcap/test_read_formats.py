"""Reading pcap and pcapng: time units, byte orders, sections, interfaces, tails that break off, mutated files."""

from __future__ import annotations

import gzip
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import CaptureError
from testbed.pcap.capture import Capture
from testbed.pcap.read import parse_capture, read_capture
from testbed.pcap.write import TraceWriter
from testbed.trace.inspect import analyse

FRAMES = [bytes([n]) * (20 + n) for n in range(5)]
SECOND = 1_700_000_000


def parse(octets: bytes) -> Capture:
    return parse_capture(np.frombuffer(octets, np.uint8))


def classic(order: str = "<", *, nano: bool = False, link: int = 101, frames: list[bytes] = FRAMES) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link)]
    for number, frame in enumerate(frames):
        parts.append(struct.pack(order + "IIII", SECOND, 7 * number, len(frame), len(frame) + 1) + frame)
    return b"".join(parts)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    total = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + total + body + total


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, link: int, resolution: int | None, name: str = "", offset: int = 0) -> bytes:
    options = b""
    for code, value in ((2, name.encode()), (9, b"" if resolution is None else bytes([resolution]))):
        if value:
            options += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
    if offset:
        options += struct.pack(order + "HHq", 14, 8, offset)
    return block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options + bytes(4))


def packet(order: str, number: int, ticks: int, data: bytes, comments: tuple[str, ...] = ()) -> bytes:
    body = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    body += data + bytes(-len(data) % 4)
    for text in comments:
        body += struct.pack(order + "HH", 1, len(text)) + text.encode() + bytes(-len(text) % 4)
    return block(order, 6, body + bytes(4))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [False, True])
def test_classic(order: str, nano: bool) -> None:
    capture = parse(classic(order, nano=nano))
    assert [capture.octets(row) for row in range(5)] == FRAMES
    unit = 1 if nano else 1000
    assert capture.time_ns.tolist() == [SECOND * 10**9 + 7 * n * unit for n in range(5)]
    assert (capture.original - capture.length).tolist() == [1] * 5
    assert capture.interfaces[0].link_type == 101
    assert capture.problems == ()


def test_two_sections_with_their_own_order_interfaces_and_clocks() -> None:
    octets = b"".join(
        (
            section("<"),
            interface("<", 1, None, "eth0"),
            interface("<", 101, 9, "tun0"),
            packet("<", 0, SECOND * 10**6 + 5, b"a"),
            packet("<", 1, SECOND * 10**9 + 5, b"b", ("one", "two")),
            section(">"),
            interface(">", 113, 0x80 | 10, "any"),
            interface(">", 101, 3, "", offset=100),
            packet(">", 0, SECOND * 1024 + 512, b"c"),
            packet(">", 1, SECOND * 1000 + 1, b"d"),
        )
    )
    capture = parse(octets)
    assert [capture.octets(row) for row in range(4)] == [b"a", b"b", b"c", b"d"]
    assert [i.link_type for i in capture.interfaces] == [1, 101, 113, 101]
    assert [i.name for i in capture.interfaces] == ["eth0", "tun0", "any", ""]
    assert capture.interface.tolist() == [0, 1, 2, 3]
    base = SECOND * 10**9
    assert capture.time_ns.tolist() == [base + 5000, base + 5, base + 500_000_000, base + 100 * 10**9 + 1_000_000]
    assert capture.comments == {2: ("one", "two")}
    assert capture.problems == ()


def test_unknown_blocks_are_skipped_and_custom_ones_counted() -> None:
    parts = (section("<"), interface("<", 101, 9), block("<", 77, b"abcd"), block("<", 0xBAD, bytes(8)))
    capture = parse(b"".join((*parts, packet("<", 0, 5, b"x"))))
    assert capture.frame.tolist() == [2]
    assert capture.frames == 2


def test_simple_and_old_packet_blocks() -> None:
    simple = block("<", 3, struct.pack("<I", 3) + b"abc")
    old = block("<", 2, struct.pack("<HHIIII", 0, 0, 0, 9, 2, 2) + b"de")
    capture = parse(section("<") + interface("<", 101, 9) + simple + old)
    assert [capture.octets(row) for row in range(2)] == [b"abc", b"de"]


def test_packet_without_interface_is_left_out_and_told() -> None:
    capture = parse(section("<") + packet("<", 0, 5, b"x"))
    assert capture.frames == 1
    assert len(capture.frame) == 0
    assert "frame 1" in capture.problems[0]


def ours() -> bytes:
    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    writer.names({"10.0.0.1": "a.example", "2001:db8::1": "b.example"})
    for number, frame in enumerate(FRAMES):
        writer.packet(SECOND * 10**9 + number, frame, comment="lost" if number == 3 else "")
        writer.log(SECOND * 10**9 + number, "a", "step", "two\nlines", {"line": "4"})
    return file.getvalue()


@pytest.mark.parametrize("make", [classic, ours], ids=["pcap", "pcapng"])
def test_a_tail_cut_at_every_octet(make: object) -> None:
    """What is whole is read, and one sentence tells where the file breaks off."""
    octets = make()  # type: ignore[operator]
    whole = parse(octets)
    for length in range(1, len(octets)):
        if make is classic and length < 24:
            with pytest.raises(CaptureError):
                parse(octets[:length])
            continue
        if length < 4:
            continue
        capture = parse(octets[:length])
        count = len(capture.frame)
        assert [capture.octets(row) for row in range(count)] == [whole.octets(row) for row in range(count)]
        if make is classic:
            edges = [24 + sum(16 + len(frame) for frame in FRAMES[:n]) for n in range(6)]
            assert count == sum(edge <= length for edge in edges) - 1
            assert bool(capture.problems) == (length not in edges)
        for problem in capture.problems:
            assert "octet" in problem
            assert "whole" in problem


def test_gzip_whole_and_broken(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap.gz"
    packed = gzip.compress(classic(frames=FRAMES * 200))
    path.write_bytes(packed)
    assert len(read_capture(path).frame) == 1000
    path.write_bytes(packed[: len(packed) // 2])
    cut = read_capture(path)
    assert 0 < len(cut.frame) < 1000
    assert cut.problems[0] == "the gzip data breaks off or is damaged; what could be unpacked is shown"


@pytest.mark.parametrize("octets", [b"", b"hello, world", b"\xd4\xc3\xb2\xa1", b"\x1f\x8b\x08nothing"])
def test_no_capture(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(octets)
    with pytest.raises(CaptureError, match="x: "):
        read_capture(path)


def test_no_such_file_and_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(CaptureError):
            read_capture(path)


def survives(octets: bytes) -> None:
    try:
        capture = parse(octets)
    except CaptureError:
        return
    analysis = analyse(capture)
    assert len(list(analysis.packets())) == len(capture.frame)


MAGICS = (b"", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a", section("<"))


@given(st.sampled_from(MAGICS), st.binary(max_size=400))
def test_arbitrary_octets_raise_nothing_else(magic: bytes, rest: bytes) -> None:
    survives(magic + rest)


def mail() -> bytes:
    """A capture with real packets of every kind the analysis reads."""
    from scapy.layers.dns import DNS, DNSQR
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt

    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    ends = IP(src="10.0.0.1", dst="10.0.0.2")
    back = IP(src="10.0.0.2", dst="10.0.0.1")
    syn = ends / TCP(sport=2000, dport=25, seq=9, flags="S", options=[("WScale", 3)])
    packets = [
        syn,
        back / TCP(sport=25, dport=2000, seq=99, ack=10, flags="SA", options=[("SAck", (1, 2))]),
        ends / TCP(sport=2000, dport=25, seq=10, ack=100, flags="A"),
        back / TCP(sport=25, dport=2000, seq=100, ack=10, flags="PA") / b"220 x\r\n",
        ends / TCP(sport=2000, dport=25, seq=10, ack=107, flags="PA") / b"EHLO a\r\nMAIL FROM:<a@b>\r\nBDAT 9\r\n",
        ends / UDP(sport=3000, dport=53) / DNS(rd=1, qd=DNSQR(qname="a.b", qtype="MX")),
        back / ICMP(type=3, code=1) / syn,
        IPv6(src="::1", dst="::2") / IPv6ExtHdrDestOpt() / TCP(sport=2001, dport=25, flags="S"),
    ]
    for number, one in enumerate(packets):
        writer.packet(SECOND * 10**9 + number, bytes(one))
    writer.log(SECOND * 10**9, "a", "step", "x", {})
    return file.getvalue()


MAIL = mail()


@given(st.lists(st.tuples(st.integers(0, len(MAIL) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_mutated_captures_raise_nothing_else(changes: list[tuple[int, int]]) -> None:
    octets = bytearray(MAIL)
    for position, value in changes:
        octets[position] = value
    survives(bytes(octets))


@given(st.integers(0, len(MAIL)), st.integers(0, len(MAIL)))
def test_captures_with_a_piece_cut_out_raise_nothing_else(start: int, end: int) -> None:
    survives(MAIL[: min(start, end)] + MAIL[max(start, end) :])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("claim", [3_000_000_000, 300_000])
def test_a_record_that_claims_more_than_any_packet_has(order: str, claim: int) -> None:
    """The file does not break off there: the record is damaged."""
    octets = bytearray(classic(order=order))
    at = 24 + 16 + len(FRAMES[0])
    octets[at + 8 : at + 12] = struct.pack(order + "I", claim)
    capture = parse(bytes(octets))
    assert len(capture.frame) == 1
    (problem,) = capture.problems
    assert problem.startswith(f"the record of frame 2, at octet {at}, is damaged (it says {claim:,} octets)")
