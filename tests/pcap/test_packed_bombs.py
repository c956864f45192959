"""Packed files that unpack to a thousandfold: packets without end are refused, long packets of zeros are not."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.errors import CaptureError
from testbed.pcap import bombs
from testbed.pcap.bombs import LONGEST_RECORD
from testbed.pcap.read import read_capture
from testbed.pcap.stream import read_segments
from tests.fuzz.packets import block, enhanced, interface, pcap, section
from tests.pcap.test_hostile_captures import PACKERS, little_memory

ENOUGH = 6 << 20
NG, EMPTY = section() + interface(), struct.pack("<IIII", 1, 0, 0, 0)
BIG_ENDIAN = section(">") + interface(order=">")

Pack = Callable[[bytes], bytes]

CROWDS: dict[str, tuple[bytes, bytes]] = {
    "pcap, records of zeros": (pcap([]), bytes(16)),
    "pcap, records of nothing": (pcap([]), EMPTY),
    "pcap, packets of an octet": (pcap([]), struct.pack("<IIII", 1, 0, 1, 1) + b"x"),
    "pcap, big-endian": (pcap([], order=">"), struct.pack(">IIII", 1, 0, 1, 1) + b"x"),
    "pcapng, packets of nothing": (NG, enhanced(b"")),
    "pcapng, blocks nobody knows": (NG, block(77, b"")),
    "pcapng, big-endian": (BIG_ENDIAN, enhanced(b"", order=">")),
}


@pytest.fixture(autouse=True)
def low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real ones would have each test unpack a hundred megabytes."""
    monkeypatch.setattr(bombs, "_ALWAYS", 1 << 12)
    monkeypatch.setattr(bombs, "_SMALL", 1 << 20)


@PACKERS
@pytest.mark.parametrize("crowd", CROWDS)
def test_more_packets_than_octets_is_refused(pack: Pack, crowd: str, tmp_path: Path) -> None:
    head, one = CROWDS[crowd]
    path = tmp_path / "bomb"
    path.write_bytes(pack(head + one * (ENOUGH // len(one))))
    told = r"bomb: [\d,]+ packed octets hold more than [\d,]+ packets, which is true of no capture"
    with little_memory(8 << 20), pytest.raises(CaptureError, match=told):
        read_capture(path)


@PACKERS
@pytest.mark.parametrize("crowd", [crowd for crowd in CROWDS if "nobody" not in crowd])
def test_so_it_is_as_a_stream(pack: Pack, crowd: str, tmp_path: Path) -> None:
    head, one = CROWDS[crowd]
    path = tmp_path / "bomb"
    path.write_bytes(pack(head + one * (ENOUGH // len(one))))
    with little_memory(32 << 20), pytest.raises(CaptureError, match="which is true of no capture"):
        for _ in read_segments(path, 1 << 20):
            pass


@PACKERS
def test_long_packets_of_zeros_are_no_bomb(pack: Pack, tmp_path: Path) -> None:
    packets, octets = 200, 65_000
    path = tmp_path / "zeros"
    packed = pack(pcap(bytes(octets) for _ in range(packets)))
    path.write_bytes(packed)
    assert len(packed) * 500 < packets * octets
    assert read_capture(path).frames == packets
    assert [segment.frames for segment in read_segments(path)][-1] == packets


def test_what_no_reader_passes_is_not_unpacked(tmp_path: Path) -> None:
    claim = struct.pack("<IIII", 1, 0, LONGEST_RECORD + 1, LONGEST_RECORD + 1)
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(pcap([b"one"]) + claim + bytes(3 * ENOUGH)))
    with little_memory(8 << 20):
        capture = read_capture(path)
    assert capture.frames == 1
    assert len(capture.data) < ENOUGH
    assert "the record of frame 2, at octet 43, is damaged" in capture.problems[0]
