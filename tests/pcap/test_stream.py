"""Captures as streams: however the octets are cut into reads and segments, they say what the whole file says."""

from __future__ import annotations

import gzip
import os
import struct
import threading
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import CaptureError
from testbed.pcap.capture import Capture, Interface
from testbed.pcap.read import parse_capture, read_capture
from testbed.pcap.stream import Cutter, patient, read_segments, segments
from testbed.pcap.write import TraceWriter

SECOND = 1_700_000_000
EPOCH = SECOND * 10**9
GZIP_BROKEN = "the gzip data breaks off or is damaged; what could be unpacked is shown"


def classic(order: str = "<", magic: int = 0xA1B2C3D4, lengths: list[int] | None = None) -> bytes:
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, 101)]
    for number, length in enumerate([0, 1, 60, 40, 7, 300, 20] if lengths is None else lengths):
        parts.append(struct.pack(order + "IIII", SECOND + number, 7 * number, length, length + 1))
        parts.append(bytes([number & 0xFF]) * length)
    return b"".join(parts)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    total = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + total + body + total


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(order: str, link: int, name: str, resolution: int, offset: int = 0) -> bytes:
    options = option(order, 2, name.encode()) + option(order, 9, bytes([resolution]))
    options += option(order, 14, struct.pack(order + "q", offset)) if offset else b""
    return block(order, 1, struct.pack(order + "HHI", link, 0, 50) + options + bytes(4))


def packet(order: str, number: int, ticks: int, data: bytes, comment: str = "") -> bytes:
    body = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) + 2)
    body += data + bytes(-len(data) % 4)
    return block(order, 6, body + (option(order, 1, comment.encode()) + bytes(4) if comment else b""))


def names(order: str, address: bytes, name: str) -> bytes:
    record = address + name.encode() + b"\0"
    body = struct.pack(order + "HH", 1, len(record)) + record + bytes(-len(record) % 4)
    return block(order, 4, body + bytes(4))


def simple(order: str, data: bytes) -> bytes:
    return block(order, 3, struct.pack(order + "I", len(data)) + data)


def old_packet(order: str, number: int, data: bytes) -> bytes:
    return block(order, 2, struct.pack(order + "HHIIII", number, 0, 0, 9, len(data), len(data)) + data)


def journal(order: str, text: bytes) -> bytes:
    return block(order, 9, text)


def sections() -> bytes:
    """Three sections of both byte orders, with everything that is remembered from block to block."""
    return b"".join(
        (
            section("<"),
            names("<", bytes((10, 0, 0, 1)), "a.example"),
            interface("<", 1, "eth0", 6),
            packet("<", 0, SECOND * 10**6 + 5, b"first", "one"),
            interface("<", 101, "tun0", 9, offset=100),
            packet("<", 1, EPOCH + 5, b"second" * 9),
            block("<", 77, b"nobody knows this"),
            journal("<", b"MESSAGE=said\nPRIORITY=6\n"),
            packet("<", 2, 5, b"names no interface"),
            simple("<", b"third"),
            section(">"),
            packet(">", 0, 5, b"before its interface"),
            interface(">", 113, "any", 0x80 | 10),
            packet(">", 0, SECOND * 1024 + 512, b"fourth", "two"),
            names(">", bytes((10, 0, 0, 1)), "never"),
            names(">", bytes((10, 0, 0, 2)), "b.example"),
            block(">", 0xBAD, bytes(8)),
            old_packet(">", 0, b"fifth"),
            interface(">", 147, "own", 6),
            packet(">", 1, EPOCH // 1000, b"of the other"),
            section(">"),
            interface(">", 228, "", 3),
            packet(">", 0, SECOND * 1000, b"sixth", "three"),
            journal(">", b"MESSAGE=last\n"),
            block(">", 10, struct.pack(">II", 0x544C534B, 4) + b"keys"),
        )
    )


def trace() -> bytes:
    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    writer.names({"10.0.0.1": "a.example", "2001:db8::1": "b.example"})
    for number in range(9):
        writer.packet(EPOCH + number, bytes(20 + number), lost=number == 4, comment="lost" if number == 4 else "")
        writer.log(EPOCH + number, "a", "step", "two\nlines", {"line": str(number)})
    return file.getvalue()


CAPTURES = {
    "µs": classic(),
    "ns": classic(magic=0xA1B23C4D),
    "µs, big-endian": classic(">"),
    "ns, big-endian": classic(">", magic=0xA1B23C4D),
    "pcap without packets": classic(lengths=[]),
    "pcapng of three sections": sections(),
    "pcapng of a lab": trace(),
    "pcapng without packets": section("<") + interface("<", 1, "eth0", 6),
}
captures = pytest.mark.parametrize("octets", CAPTURES.values(), ids=CAPTURES.keys())


def parse(octets: bytes) -> Capture:
    return parse_capture(np.frombuffer(octets, np.uint8))


def told(*parts: Capture) -> dict[str, object]:
    """What captures say one after the other, whatever they were cut into."""
    rows = [(part, row) for part in parts for row in range(len(part.frame))]
    return {
        "packets": [
            (int(c.frame[r]), int(c.time_ns[r]), c.octets(r), int(c.original[r]), c.interfaces[int(c.interface[r])])
            for c, r in rows
        ],
        "interface": [int(c.interface[r]) for c, r in rows],
        "interfaces": parts[-1].interfaces,
        "frames": parts[-1].frames,
        "names": parts[-1].names,
        "journal": [entry for part in parts for entry in part.journal],
        "comments": {frame: texts for part in parts for frame, texts in part.comments.items()},
        "secrets": [bytes(secret) for part in parts for secret in part.secrets],
        "problems": [problem for part in parts for problem in part.problems],
    }


def pieces(octets: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    return (octets[start:end] for start, end in pairwise(edges))


def streamed(octets: bytes, most: int, cuts: list[int], pauses: bool = False) -> list[Capture]:
    """The segments, when the octets come in such pieces, with a pause after each or none."""
    cutter = Cutter("stream", most)
    found: list[Capture] = []
    for piece in pieces(octets, cuts):
        found += cutter.feed(piece)
        found += cutter.flush() if pauses else ()
    return [*found, *cutter.finish()]


cut_anyhow = given(
    st.sampled_from(list(CAPTURES.values())),
    st.integers(1, 2_000),
    st.lists(st.integers(0, 2_000), max_size=12),
    st.booleans(),
    st.integers(24, 5_000),
)


@cut_anyhow
def test_segments_say_what_the_whole_says(octets: bytes, most: int, cuts: list[int], pauses: bool, end: int) -> None:
    """The capture may break off at any octet, too."""
    assert told(*streamed(octets[:end], most, cuts, pauses)) == told(parse(octets[:end]))


@given(
    st.sampled_from(list(CAPTURES.values())),
    st.lists(st.tuples(st.integers(4, 1_200), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(1, 500),
    st.lists(st.integers(0, 1_200), max_size=6),
    st.booleans(),
)
def test_damaged_captures_say_the_same_too(
    octets: bytes, changes: list[tuple[int, int]], most: int, cuts: list[int], pauses: bool
) -> None:
    damaged = bytearray(octets)
    for position, value in changes:
        damaged[position % len(octets)] = value if position % len(octets) >= 4 else damaged[position % len(octets)]
    whole, parts = told(parse(bytes(damaged))), told(*streamed(bytes(damaged), most, cuts, pauses))
    claims = [problem.partition("; what follows claims ")[0] for problem in parts["problems"]]  # type: ignore[attr-defined]
    assert sorted(claims) == sorted(whole["problems"])  # type: ignore[call-overload]
    assert parts | {"problems": ()} == whole | {"problems": ()}


@captures
def test_octet_by_octet_with_pauses(octets: bytes) -> None:
    parts = streamed(octets, 1, list(range(len(octets))), pauses=True)
    assert told(*parts) == told(parse(octets))
    assert all(len(part.frame) + len(part.journal) <= 1 for part in parts)


def test_segments_are_of_the_size_asked_for_and_know_what_came_before() -> None:
    parts = streamed(classic(lengths=[84] * 100), 1_000, [])
    assert [len(part.frame) for part in parts] == [10] * 10
    assert [int(part.frame[0]) for part in parts] == list(range(1, 101, 10))
    assert [part.frames for part in parts] == list(range(10, 101, 10))
    assert all(int(part.offset[-1]) + 84 == len(part.data) == 1_024 for part in parts)


def test_each_segment_has_its_own_packets_and_the_interfaces_and_names_so_far() -> None:
    parts = streamed(sections(), 1, [])
    known = [tuple(interface.name for interface in part.interfaces) for part in parts if len(part.frame)]
    assert known[0] == ("eth0",)
    assert known[1] == ("eth0", "tun0")
    assert known[-1] == ("eth0", "tun0", "any", "own", "")
    assert parts[-1].interfaces[-1] == Interface(228, "", 50)
    assert [len(part.names) for part in parts if len(part.frame)] == [1, 1, 1, 1, 2, 2, 2]
    assert [entry.frame for part in parts for entry in part.journal] == [3, 12]


def test_a_record_longer_than_a_segment_has_one_of_its_own() -> None:
    parts = streamed(classic(lengths=[10, 5_000, 10]), 100, [50, 60])
    assert [part.length.tolist() for part in parts] == [[10], [5_000], [10]]


def test_what_is_whole_comes_when_the_source_pauses() -> None:
    octets = classic(lengths=[10, 10])
    cutter = Cutter()
    assert [*cutter.feed(octets[:49]), *cutter.flush()] == []
    (first,) = (*cutter.feed(octets[49:51]), *cutter.flush())
    assert first.frame.tolist() == [1]
    assert list(cutter.flush()) == []
    (second,) = (*cutter.feed(octets[51:]), *cutter.flush())
    assert second.frame.tolist() == [2]
    assert list(cutter.finish()) == []


def test_nothing_is_awaited_behind_damage() -> None:
    """A record that claims more than any can have ends the stream at once, with what is whole."""
    huge = struct.pack("<IIII", SECOND, 0, 1 << 31, 1 << 31)
    cutter = Cutter("stream", 100)
    parts = [*cutter.feed(classic(lengths=[10]) + huge + bytes(1_000))]
    assert cutter.over
    assert [*cutter.feed(bytes(1_000)), *cutter.flush(), *cutter.finish()] == []
    assert parts[-1].problems == (
        "the record of frame 2, at octet 50, is damaged (it says 2,147,483,648 octets), and what is behind it "
        "cannot be read; 1 frame is whole",
    )


def test_long_names_and_many_of_them_do_not_pile_up() -> None:
    many = [names("<", number.to_bytes(4, "big"), "x" * 500) for number in range(50)]
    octets = b"".join((section("<"), interface("<", 1, "y" * 5_000, 6), *many, packet("<", 0, 0, b"z")))
    last = streamed(octets, 1, [])[-1]
    assert {len(name) for name in last.names.values()} == {256}
    assert len(last.interfaces[0].name) == 256


@pytest.mark.parametrize("octets", [b"", b"\xd4\xc3", b"hello, world", classic()[:20]])
def test_no_capture(octets: bytes) -> None:
    source = BytesIO(octets)
    with pytest.raises(CaptureError, match="^pipe: ") as streaming:
        list(segments(source.read, "pipe"))
    with pytest.raises(CaptureError) as whole:
        parse_capture(np.frombuffer(octets, np.uint8), "pipe")
    assert str(streaming.value) == str(whole.value)


def test_a_large_capture_is_the_same_in_segments(tmp_path: Path) -> None:
    """Large enough for the readers' fast ways of finding records, and for several segments."""
    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    for number in range(40_000):
        writer.packet(EPOCH + number, number.to_bytes(4, "big") * 35)
    for octets in (file.getvalue(), classic(lengths=[140] * 40_000)):
        path = tmp_path / "large"
        path.write_bytes(octets)
        whole, parts = read_capture(path), list(read_segments(path, 2_500_000))
        assert len(parts) == 3
        for column in ("frame", "time_ns", "length", "original", "interface"):
            assert (np.concatenate([getattr(part, column) for part in parts]) == getattr(whole, column)).all()
        assert [part.octets(n) for part in parts for n in (0, -1)] == [
            whole.octets(int(part.frame[n]) - 1) for part in parts for n in (0, -1)
        ]


@captures
@pytest.mark.parametrize("packing", ["", "gz", "zst"])
def test_files_plain_and_packed(octets: bytes, packing: str, tmp_path: Path) -> None:
    if packing == "zst":
        octets = pytest.importorskip("zstandard").compress(octets)
    elif packing == "gz":
        octets = gzip.compress(octets[:100]) + gzip.compress(octets[100:])
    path = tmp_path / "capture"
    path.write_bytes(octets)
    assert told(*read_segments(path, 100)) == told(read_capture(path))


def test_packed_data_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap.gz"
    packed = gzip.compress(classic(lengths=list(range(1_000))))
    path.write_bytes(packed[: len(packed) // 2])
    parts = list(read_segments(path, 10_000))
    assert told(*parts) == told(read_capture(path))
    assert len(parts) > 2
    assert parts[-1].problems[0] == GZIP_BROKEN
    assert not any(part.problems for part in parts[:-1])


def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    octets = gzip.compress(sections())
    writer = threading.Thread(target=path.write_bytes, args=(octets,))
    writer.start()
    parts = list(read_segments(path))
    writer.join()
    assert told(*parts) == told(parse(sections()))


def test_a_live_pipe_is_shown_without_waiting_for_more() -> None:
    """The second packet is written only when the first has been seen."""
    octets = classic(lengths=[10, 10])
    read_end, write_end = os.pipe()
    seen: list[list[int]] = []
    try:
        os.write(write_end, octets[:55])
        for part in segments(patient(read_end, 0.01), "pipe"):
            seen.append(part.frame.tolist())
            if len(seen) == 1:
                os.write(write_end, octets[55:])
                os.close(write_end)
    finally:
        os.close(read_end)
    assert seen == [[1], [2]]


@pytest.mark.parametrize("path", ["/nowhere/x.pcap", "/dev/zero", "/"])
def test_what_cannot_be_read(path: str) -> None:
    with pytest.raises(CaptureError, match=f"^{path}: "):
        list(read_segments(path))
