"""The records of large files are those that were written, whatever payloads hold, and whoever looks for them."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from testbed.native.library import WITHOUT, library
from testbed.pcap.read import parse_capture, read_capture

SECOND = 1_700_000_000
Write = Callable[[str, list[bytes]], bytes]
Payload = Callable[[random.Random, bytes], bytes]
LEAST = 3 << 20  # octets; more than from where on records are found many at a time


def record(order: str, payload: bytes, number: int) -> bytes:
    return struct.pack(order + "IIII", SECOND + number // 100, number % 100, len(payload), len(payload)) + payload


def block(order: str, payload: bytes, number: int) -> bytes:
    body = struct.pack(order + "IIIII", 0, 0, number, len(payload), len(payload)) + payload + bytes(-len(payload) % 4)
    total = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", 6) + total + body + total


def pcap(order: str, frames: list[bytes]) -> bytes:
    header = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    return header + b"".join(record(order, frame, number) for number, frame in enumerate(frames))


def pcapng(order: str, frames: list[bytes]) -> bytes:
    section = struct.pack(order + "IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    interface = struct.pack(order + "IIHHII", 1, 20, 1, 0, 0, 20)
    return section + interface + b"".join(block(order, frame, number) for number, frame in enumerate(frames))


def noise(seed: random.Random, inner: bytes) -> bytes:
    return seed.randbytes(seed.randrange(1_400))


def captures_inside(seed: random.Random, inner: bytes) -> bytes:
    at = seed.randrange(0, max(1, len(inner) - 1_400))
    return inner[at : at + seed.randrange(20, 1_400)]


def one_long(seed: random.Random, inner: bytes) -> bytes:
    """Now and then a packet longer than the pieces a file is cut into, full of packets."""
    return inner * (200_000 // len(inner)) if seed.random() < 0.01 else noise(seed, inner)


def zeros(seed: random.Random, inner: bytes) -> bytes:
    return bytes(seed.randrange(600))


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("write", [pcap, pcapng])
@pytest.mark.parametrize("payload", [noise, captures_inside, one_long, zeros])
def test_a_large_file_has_the_packets_that_were_written(
    write: Write, payload: Payload, order: str, tmp_path: Path
) -> None:
    seed = random.Random(f"{payload.__name__}{order}")
    inner = write(order, [seed.randbytes(seed.randrange(40, 200)) for _ in range(100)])
    frames: list[bytes] = []
    while sum(map(len, frames)) < LEAST:
        frames += [payload(seed, inner) for _ in range(500)]
    path = tmp_path / "large.pcap"
    path.write_bytes(write(order, frames))
    found = read_capture(path)
    assert found.problems == ()
    assert [found.octets(row) for row in range(len(found.frame))] == frames


@pytest.mark.parametrize("write", [pcap, pcapng])
def test_a_large_file_that_breaks_off_is_read_as_far_as_it_is_whole(write: Write, tmp_path: Path) -> None:
    seed = random.Random(3)
    frames = [seed.randbytes(700) for _ in range(LEAST // 700)]
    path = tmp_path / "large.pcap"
    path.write_bytes(write("<", frames)[:-100])
    found = read_capture(path)
    assert len(found.frame) == len(frames) - 1
    assert len(found.problems) == 1


@pytest.mark.parametrize("write", [pcap, pcapng])
@pytest.mark.parametrize("order", "<>")
def test_the_library_finds_the_records_that_python_finds(
    write: Write, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.Random(4)
    for _ in range(60):
        octets = bytearray(write(order, [seed.randbytes(seed.randrange(80)) for _ in range(20)]))
        octets += seed.choice((b"", write(seed.choice("<>"), [b"another section"] * 3)))
        for _ in range(seed.randrange(3)):
            octets[seed.randrange(28, len(octets))] = seed.choice((0, 1, 3, 255, seed.randrange(256)))
        damaged = np.frombuffer(bytes(octets[: seed.choice((len(octets), seed.randrange(24, len(octets))))]), np.uint8)
        found = []
        for without in ("", "1"):
            monkeypatch.setenv(WITHOUT, without)
            library.cache_clear()
            capture = parse_capture(damaged)
            columns = (capture.offset, capture.length, capture.original, capture.time_ns, capture.interface)
            found.append((*(column.tolist() for column in columns), capture.frames, capture.problems))
        assert found[0] == found[1]
    library.cache_clear()
