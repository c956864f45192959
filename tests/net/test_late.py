"""Faults that make packets late: when each arrives, in nanoseconds."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from testbed.net.faults import Bandwidth, Jitter
from testbed.net.packet import Kind, Packet

MOST_NS = 50_000_000
PACKET = Packet(bytes(100), 4, "127.0.0.10", "127.0.0.20", 17, Kind.OTHER, 20)


@pytest.mark.parametrize("apart_ns", [0, 1, 1_000_000, 40_000_000, 10 * MOST_NS])
def test_jitter_is_within_its_bound_and_lets_no_packet_overtake(apart_ns: int) -> None:
    jitter = Jitter(MOST_NS, "seed")
    sent = [number * apart_ns for number in range(200)]
    arrived = [at + jitter(PACKET, at).delay_ns for at in sent]
    late = [after - before for before, after in zip(sent, arrived, strict=True)]
    assert all(before + 1_000 <= after for before, after in pairwise(arrived)), (
        "a clock of floating point tells them apart"
    )
    assert min(late) >= 0
    assert max(late) <= MOST_NS + 200_000
    assert len(set(late)) > 100, "delayed by another time each"


def test_jitter_uses_all_of_its_range() -> None:
    jitter = Jitter(MOST_NS, "seed")
    late = [jitter(PACKET, number * 10 * MOST_NS).delay_ns for number in range(500)]
    assert min(late) < MOST_NS // 20
    assert max(late) > MOST_NS - MOST_NS // 20


def test_jitter_is_that_of_its_seed() -> None:
    def delays(seed: str) -> list[int]:
        jitter = Jitter(MOST_NS, seed)
        return [jitter(PACKET, number * MOST_NS).delay_ns for number in range(10)]

    assert delays("1:7") == delays("1:7")
    assert delays("1:7") != delays("1:8")


@pytest.mark.parametrize(
    ("packets", "arrived"),
    [
        ([(0, 100)], [100]),
        ([(0, 100), (0, 50)], [100, 150]),
        ([(0, 100), (99, 50)], [100, 150]),
        ([(0, 100), (400, 50)], [100, 450]),
    ],
    ids=["one", "the second queues", "even behind the last octet", "the way is free again"],
)
def test_packets_pass_one_after_the_other_each_as_long_as_its_octets_take(
    packets: list[tuple[int, int]], arrived: list[int]
) -> None:
    """Times in milliseconds, at a thousand octets a second."""
    bandwidth = Bandwidth(1_000)
    found = []
    for at_ms, octets in packets:
        packet = replace(PACKET, data=bytes(octets))
        found.append(at_ms + bandwidth(packet, at_ms * 1_000_000).delay_ns // 1_000_000)
    assert found == arrived
