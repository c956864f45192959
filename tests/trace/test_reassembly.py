"""Reassembly gives back what was sent, however it travelled."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.tcp import ACK, FIN, SYN
from testbed.trace.flows import CLIENT, SERVER, Flow
from testbed.trace.tcp.reassembly import Chunk, Gap, reassemble

ISN = 2**32 - 20  # numbers wrap early


def items(segments: list[tuple[int, int, int, int, bytes]]) -> list[Chunk | Gap]:
    """(side, flags, sequence, acknowledgement, payload) in the order of capture."""
    columns = list(zip(*segments, strict=True))
    count = range(len(segments))
    flow = Flow(
        6, ("10.0.0.1", 2000), ("10.0.0.2", 25), list(count), list(columns[0]), [n + 1 for n in count],
        list(count), [n % 2**32 for n in columns[2]], [n % 2**32 for n in columns[3]], list(columns[1]),
        [1000] * len(segments), [len(octets) for octets in columns[4]],
    )  # fmt: skip
    return list(reassemble(flow, lambda row: segments[row][4]))


def data(offset: int, octets: bytes, ack: int = 1) -> tuple[int, int, int, int, bytes]:
    return CLIENT, ACK, ISN + 1 + offset, ack, octets


SYN_SEGMENT = (CLIENT, SYN, ISN, 0, b"")
SYN_ACK_SEGMENT = (SERVER, SYN | ACK, 0, ISN + 1, b"")


@st.composite
def travelled(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int, int, int, bytes]]]:
    message = draw(st.binary(min_size=1, max_size=300))
    cuts = sorted(draw(st.sets(st.integers(1, len(message)), max_size=20)) | {0, len(message)})
    pieces = [data(a, message[a:b]) for a, b in itertools.pairwise(cuts)]
    for _ in range(draw(st.integers(0, 8))):  # repeated and overlapping ones
        a = draw(st.integers(0, len(message) - 1))
        pieces.append(data(a, message[a : a + draw(st.integers(1, 80))]))
    return message, [SYN_SEGMENT, *draw(st.permutations(pieces))]


@given(travelled())
def test_any_way_of_travelling_gives_the_octets_back(
    sent: tuple[bytes, list[tuple[int, int, int, int, bytes]]],
) -> None:
    message, segments = sent
    found = items(segments)
    assert not [item for item in found if isinstance(item, Gap)]
    assert b"".join(item.octets for item in found if isinstance(item, Chunk)) == message


def test_chunks_carry_the_frame_that_held_them() -> None:
    found = items([SYN_SEGMENT, data(3, b"def"), data(0, b"abc")])
    assert found == [Chunk(CLIENT, b"abc", 3, 2), Chunk(CLIENT, b"def", 2, 1)]


def test_an_acknowledged_hole_becomes_a_gap() -> None:
    found = items([SYN_SEGMENT, data(0, b"abc"), data(10, b"xyz"), (SERVER, ACK, 1, ISN + 14, b"")])
    assert found == [Chunk(CLIENT, b"abc", 2, 1), Gap(CLIENT, 7, 4, 3), Chunk(CLIENT, b"xyz", 3, 2)]


def test_a_fin_is_no_gap() -> None:
    assert items([SYN_SEGMENT, data(0, b"abc"), (SERVER, ACK, 1, ISN + 5, b"")]) == [Chunk(CLIENT, b"abc", 2, 1)]


def test_a_repeated_syn_starts_nothing_anew() -> None:
    assert items([SYN_SEGMENT, data(0, b"abc"), SYN_SEGMENT, data(0, b"abc"), data(3, b"d")]) == [
        Chunk(CLIENT, b"abc", 2, 1),
        Chunk(CLIENT, b"d", 5, 4),
    ]


@pytest.mark.cpu_seconds(30)
def test_many_early_segments_take_no_quadratic_time() -> None:
    count = 60_000
    early = [data(n * 10, bytes(10)) for n in range(1, count)]
    random.Random(1).shuffle(early)
    found = items([SYN_SEGMENT, *early, data(0, bytes(10))])
    assert sum(len(item.octets) for item in found if isinstance(item, Chunk)) == count * 10


def test_too_much_held_is_given_up() -> None:
    found = items([SYN_SEGMENT, *(data(10 + n * 60_000, bytes(60_000)) for n in range(80))])
    assert [item.octets for item in found if isinstance(item, Gap)] == [10]
    assert sum(len(item.octets) for item in found if isinstance(item, Chunk)) == 80 * 60_000


def test_what_stands_behind_its_acknowledgement_is_told_before_it() -> None:
    found = items([SYN_SEGMENT, SYN_ACK_SEGMENT, (SERVER, ACK, 1, ISN + 4, b"ok"), data(0, b"abc")])
    assert found == [Chunk(CLIENT, b"abc", 4, 3), Chunk(SERVER, b"ok", 3, 2)]


def test_what_answers_the_acknowledging_packet_cannot_belong_before_it() -> None:
    found = items([SYN_SEGMENT, SYN_ACK_SEGMENT, (SERVER, ACK, 1, ISN + 4, b"ok"), data(0, b"abc", ack=3)])
    assert found == [Gap(CLIENT, 3, 3, 2), Chunk(SERVER, b"ok", 3, 2)]


def test_nobody_knows_what_a_side_said_before_its_syn_is_missed() -> None:
    found = items([SYN_SEGMENT, (SERVER, ACK, 1, ISN + 1, b"ok")])
    assert found == [Gap(SERVER, 0, 1, 0), Chunk(SERVER, b"ok", 2, 1)]


def test_chunks_tell_where_they_stand_and_what_their_sender_had_heard() -> None:
    found = items([SYN_SEGMENT, SYN_ACK_SEGMENT, data(0, b"abc"), (SERVER, ACK, 1, ISN + 4, b"ok")])
    begin = (ISN + 1) % 2**32
    assert [(c.begin, c.heard) for c in found if isinstance(c, Chunk)] == [(begin, 1), (1, (ISN + 4) % 2**32)]


def test_a_fin_shows_what_was_said_before_it() -> None:
    found = items([SYN_SEGMENT, SYN_ACK_SEGMENT, data(0, b"abc"), (CLIENT, ACK | FIN, ISN + 9, 1, b"")])
    assert [item.octets for item in found if isinstance(item, Gap)] == [5]


def test_acknowledgements_tell_how_much_a_side_has_said_that_the_capture_does_not_hold() -> None:
    found = items([(CLIENT, ACK, ISN, 7, b""), data(-1, b"abc", ack=9), data(2, b"def", ack=20)])
    assert [item for item in found if item not in (Gap(0, 0, 1, 0), Gap(1, 0, 1, 0))] == [
        Gap(SERVER, 2, 2, 1), Chunk(CLIENT, b"abc", 2, 1), Gap(SERVER, 11, 3, 2), Chunk(CLIENT, b"def", 3, 2),
    ]  # fmt: skip


@pytest.mark.cpu_seconds(30)
def test_acknowledgements_of_what_is_not_there_take_no_quadratic_time() -> None:
    count = 30_000
    acks = [(SERVER, ACK, 1, ISN + 3 * n, b"") for n in range(1, count)]
    late = [data(3 * n, b"abc") for n in range(count)]
    found = items([SYN_SEGMENT, data(0, b"a"), *acks, *late])
    assert sum(len(item.octets) for item in found if isinstance(item, Chunk)) == count * 3
