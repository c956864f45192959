"""Captures made to deceive: lengths that lie, blocks without end, bombs, crowds of interfaces and complaints."""

from __future__ import annotations

import gzip
import re
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import CaptureError
from testbed.pcap import read
from testbed.pcap.capture import Capture
from testbed.pcap.read import parse_capture, read_capture
from testbed.pcap.stream import read_segments
from tests.fuzz.packets import block, enhanced, interface, names, option, pcap, pcapng, section, small_captures
from tests.fuzz.targets import targets

ONE, TWO = b"one packet", b"another packet"
MOST = 2**32 - 1
HEAD = section() + interface()
TARGETS = targets()


def parse(octets: bytes) -> Capture:
    return parse_capture(np.frombuffer(octets, np.uint8))


def record(octets: bytes, captured: int, original: int | None = None) -> bytes:
    return struct.pack("<IIII", 5, 0, captured, captured if original is None else original) + octets


def between(*blocks: bytes) -> bytes:
    """Blocks between two good packets."""
    return b"".join((HEAD, enhanced(ONE), *blocks, enhanced(TWO)))


HEADER = pcap([])
STAYS, ENDS = [ONE, TWO], [ONE]

# Octets, the packets that are read of them, and what the one problem told is like ("" for none).
LIES: dict[str, tuple[bytes, list[bytes], str]] = {
    "pcap, a record of 4 GiB": (pcap([ONE]) + record(TWO, MOST), ENDS, "record of frame 2, at octet 50, is damaged"),
    "pcap, a record one octet too long": (pcap([ONE]) + record(TWO, len(TWO) + 1), ENDS, "middle of frame 2"),
    "pcap, more captured than there was": (HEADER + record(ONE, len(ONE), 0) + record(TWO, len(TWO)), STAYS, ""),
    "pcap, 4 GiB on the wire": (HEADER + record(ONE, len(ONE), MOST) + record(TWO, len(TWO)), STAYS, ""),
    "pcap, records of nothing": (HEADER + record(b"", 0) * 3, [b""] * 3, ""),
    "a block of length 0": (between(struct.pack("<III", 77, 0, 0)), ENDS, "after frame 1, at octet 92"),
    "a block of its type only": (between(struct.pack("<III", 77, 8, 8)), ENDS, "after frame 1"),
    "a block of 4 GiB": (between(block(77, b"abcd", length=MOST)), ENDS, "after frame 1"),
    "a block of nearly 4 GiB": (between(block(77, b"abcd", length=MOST - 3)), ENDS, "after frame 1"),
    "a block that reaches into the next": (between(block(77, b"abcd", length=20)), ENDS, "after frame 1"),
    "a block whose lengths differ": (between(block(77, b"abcd", trailer=12)), ENDS, "after frame 1"),
    "a packet of 4 GiB": (between(enhanced(b"abcd", captured=MOST)), STAYS, "frame 2 names no interface .* or is dam"),
    "a packet longer than its block": (between(enhanced(b"abcd", captured=5)), STAYS, "frame 2 names"),
    "a packet of 4 GiB on the wire": (between(enhanced(ONE, original=MOST)), [ONE, ONE, TWO], ""),
    "a packet of the last interface there can be": (between(enhanced(b"abcd", number=MOST)), STAYS, "frame 2 names"),
    "a packet of the next interface": (between(enhanced(b"abcd", number=1)), STAYS, "frame 2 names"),
    "an old packet of 4 GiB": (between(block(2, struct.pack("<HHIIII", 0, 0, 0, 0, MOST, 4) + b"x")), STAYS, "frame 2"),
    "a simple packet of 4 GiB": (between(block(3, struct.pack("<I", MOST) + b"abcd")), [ONE, b"abcd", TWO], ""),
    "blocks too short for their kind": (
        between(block(1, b""), block(2, b""), block(3, b""), block(6, b""), block(10, b"")), STAYS, "damaged",
    ),
    "an option of 64 KiB": (between(enhanced(ONE, options=struct.pack("<HH", 1, 65_535))), [ONE, ONE, TWO], ""),
    "a name of 64 KiB": (between(block(4, struct.pack("<HH", 1, 65_535) + b"abcdname\0")), STAYS, ""),
    "a name of nothing": (between(block(4, struct.pack("<HHHH", 1, 0, 1, 4) + b"abcd")), STAYS, ""),
    "a journal field of 16 EiB": (between(block(9, b"A\n" + b"\xff" * 8 + b"abc")), STAYS, ""),
    "keys of 4 GiB": (between(block(10, b"KSLT" + struct.pack("<I", MOST) + b"abcd")), STAYS, ""),
    "a section of another order that lies": (between(block(0x0A0D0D0A, b"\x1a\x2b\x3c\x4d", length=28)), ENDS, "after"),
    "a section of no order": (between(block(0x0A0D0D0A, bytes(16))), ENDS, "after frame 1"),
}  # fmt: skip


@pytest.mark.parametrize(("octets", "packets", "problem"), LIES.values(), ids=LIES)
def test_lengths_that_lie(octets: bytes, packets: list[bytes], problem: str) -> None:
    capture = parse(octets)
    assert [capture.octets(row) for row in range(len(capture.frame))] == packets
    assert bool(capture.problems) == bool(problem)
    assert re.search(problem, " ".join(capture.problems))


@pytest.mark.parametrize("octets", [case[0] for case in LIES.values()], ids=LIES)
def test_lengths_that_lie_in_a_stream_and_in_the_analysis(octets: bytes) -> None:
    for name in ("stream", "inspect"):
        TARGETS[name].run(b"\x04" * (name == "stream") + octets)


def test_reserved_bits_around_a_link_type_mean_nothing() -> None:
    assert parse(pcap([ONE], 0xFBCD_0065)).interfaces[0].link_type == 101


def test_times_no_clock_can_tell_stay_within_64_bits() -> None:
    clocks = [option(9, bytes((n,))) + option(14, struct.pack("<q", far)) for n in (0, 9, 255) for far in (-(2**63), 5)]
    described = b"".join(interface(options=clock) for clock in clocks)
    ticks = (0, 1, 2**63, 2**64 - 1)
    packets = b"".join(enhanced(ONE, number=n, ticks=at) for n in range(len(clocks)) for at in ticks)
    capture = parse(section() + described + packets)
    assert len(capture.frame) == len(clocks) * len(ticks)
    assert np.abs(capture.time_ns).max() <= 2**62 + 10**9


# What is drawn and what is changed


KINDS = st.sampled_from((0x0A0D0D0A, 1, 2, 3, 4, 5, 6, 9, 10, 0xBAD, 0x40000BAD, 77))
NUMBERS = st.sampled_from((0, 1, 4, 8, 12, 16, 20, 101, 65_535, 2**31, MOST))
BODIES = st.one_of(
    st.binary(max_size=40),
    st.lists(NUMBERS, max_size=7).map(lambda numbers: b"".join(struct.pack("<I", number) for number in numbers)),
)
LENGTHS = st.one_of(st.none(), st.none(), st.none(), NUMBERS)
BLOCKS = st.one_of(
    st.builds(lambda kind, body, length, trailer: block(kind, body, length=length, trailer=trailer),
              KINDS, BODIES, LENGTHS, LENGTHS),
    st.sampled_from((HEAD, section(">") + interface(order=">"), interface(1), enhanced(ONE), enhanced(ONE, number=1),
                     enhanced(TWO, order=">"), names([(b"\x0a\0\0\1", b"a")]))),
)  # fmt: skip


@settings(max_examples=100)
@given(st.lists(BLOCKS, max_size=8).map(b"".join), st.integers(0, 12))
def test_blocks_of_any_kind_and_length_raise_nothing_else(blocks: bytes, piece: int) -> None:
    survives("inspect", section() + blocks)
    survives("stream", bytes((piece,)) + section() + blocks)


def survives(target: str, octets: bytes) -> None:
    """Raises nothing but that it is no capture."""
    with suppress(CaptureError):
        TARGETS[target].run(octets)


def changed(octets: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    """Some octets written over others, at places given in thousandths of the length."""
    found = bytearray(octets)
    for place, new in changes:
        at = len(found) * place // 1_000
        found[at : at + len(new)] = new
    return bytes(found)


NEW = st.one_of(st.binary(min_size=1, max_size=3), NUMBERS.map(lambda n: struct.pack("<I", n)), st.just(b"\xff\xff"))
CHANGES = st.lists(st.tuples(st.integers(0, 999), NEW), min_size=1, max_size=6)


@pytest.mark.parametrize("target", ["inspect", "link", "packed", "stream"])
def test_changed_captures_of_every_kind_raise_nothing_else(target: str) -> None:
    seeds = st.sampled_from(list(TARGETS[target].seeds())[:20])

    @settings(max_examples=40)
    @given(seeds, CHANGES)
    def hold(octets: bytes, changes: list[tuple[int, bytes]]) -> None:
        survives(target, changed(octets, changes))

    hold()


@pytest.mark.parametrize("link_type", [0, 1, 50, 101, 113, 228, 276, 65_535])
def test_packets_cut_at_every_octet(link_type: int) -> None:
    packet = parse(small_captures()[0]).octets(3)
    for length in range(len(packet)):
        survives("link", link_type.to_bytes(2, "big") + packet[:length])


# Bombs


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Fails when more than so many octets were held by Python and NumPy at a time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def _zstandard(octets: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard", reason="the package zstandard is not installed")
    packed: bytes = zstandard.ZstdCompressor().compress(octets)
    return packed


PACKERS = pytest.mark.parametrize("pack", [gzip.compress, _zstandard], ids=["gzip", "zstd"])
BOMB = 24 << 20


@PACKERS
def test_a_bomb_of_nothing_is_refused_before_it_is_unpacked(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_MAX_SPOOLED", 4 << 20)
    path = tmp_path / "bomb"
    path.write_bytes(pack(bytes(BOMB)))
    with (
        little_memory(8 << 20),
        pytest.raises(CaptureError, match="bomb: this is not a pcap or pcapng file: it begins with 00"),
    ):
        read_capture(path)
    with little_memory(8 << 20), pytest.raises(CaptureError, match="bomb: this is not a pcap or pcapng file"):
        list(read_segments(path))


@PACKERS
def test_a_bomb_that_begins_as_a_capture_takes_little_memory(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(pack(pcap([ONE]) + record(b"", MOST) + bytes(BOMB)))
    with little_memory(8 << 20):
        capture = read_capture(path)
    assert len(capture.frame) == 1
    assert "the record of frame 2, at octet 50, is damaged" in capture.problems[0]
    with little_memory(16 << 20):
        (segment,) = read_segments(path, 1 << 20)
    assert len(segment.frame) == 1


@PACKERS
def test_more_than_the_disk_should_hold_is_refused(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_MAX_SPOOLED", 4 << 20)
    path = tmp_path / "bomb"
    path.write_bytes(pack(pcap([ONE]) + bytes(8 << 20)))
    with pytest.raises(CaptureError, match="bomb: it holds more than"):
        read_capture(path)


def test_what_is_packed_twice_is_not_unpacked_twice(tmp_path: Path) -> None:
    path = tmp_path / "twice.gz"
    path.write_bytes(gzip.compress(gzip.compress(pcap([ONE]))))
    with pytest.raises(CaptureError, match="this is not a pcap or pcapng file: it begins with 1f 8b"):
        read_capture(path)


def test_many_empty_gzip_members_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "members.gz"
    path.write_bytes(gzip.compress(b"") * 5_000 + gzip.compress(pcap([ONE])))
    assert len(read_capture(path).frame) == 1


# Crowds


def test_thousands_of_interfaces_keep_their_clocks() -> None:
    count = 5_000
    described = b"".join(interface(options=option(14, struct.pack("<q", n))) for n in range(count))
    packets = b"".join(enhanced(ONE, number=n * 7 % count, ticks=0) for n in range(count))
    capture = parse(section() + described + packets)
    assert len(capture.interfaces) == count
    assert capture.time_ns.tolist() == [n * 7 % count * 10**9 for n in range(count)]


def test_there_is_an_end_to_interfaces() -> None:
    octets = section() + interface() * 65_537 + enhanced(ONE, number=65_534) + enhanced(TWO, number=65_535)
    capture = parse(octets)
    assert len(capture.interfaces) == 65_535
    assert [capture.octets(row) for row in range(len(capture.frame))] == [ONE]


def test_thousands_of_sections_of_either_order() -> None:
    pair = pcapng([ONE]) + pcapng([TWO], order=">")
    capture = parse(pair * 300)
    assert (len(capture.frame), len(capture.interfaces), capture.problems) == (600, 600, ())
    assert {capture.octets(row) for row in range(600)} == {ONE, TWO}


@pytest.mark.cpu_seconds(60)
def test_a_quarter_million_comments_take_no_quadratic_time() -> None:
    count = 250_000
    capture = parse(HEAD + enhanced(ONE, options=option(1, b"") * count))
    assert len(capture.comments[1]) == count


@pytest.mark.parametrize(
    "damaged", [block(1, b""), block(2, bytes(20)), block(3, b"")], ids=["interface", "old", "simple"]
)
def test_a_crowd_of_damaged_blocks_is_told_in_few_sentences(damaged: bytes) -> None:
    capture = parse(section() + damaged * 3_000)
    assert len(capture.problems) == 101
    assert capture.problems[-1] == "2,900 more blocks or frames are damaged and left out"


def test_long_names_are_cut() -> None:
    lengthy = b"n" * 60_000
    capture = parse(section() + interface(options=option(2, lengthy)) + names([(b"\x0a\0\0\1", lengthy)]))
    assert capture.names == {"10.0.0.1": "n" * 256}
    assert capture.interfaces[0].name == "n" * 256
