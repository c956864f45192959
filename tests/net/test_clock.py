"""Scenario time: jumps when nothing is in flight, and never past anything that is."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from testbed.net.clock import ScenarioLoop
from testbed.net.faults import Selection, SelectiveFault, Silent, delay, lose
from testbed.net.kernel_timers import Waiting, _Network, _waiting
from testbed.net.packet import Kind
from testbed.protocols.trigger import Trigger

from .conftest import ALICE, BOB, InLab

pytestmark = pytest.mark.lab

DAY = 86_400.0


def test_five_days_pass_at_once(in_lab: InLab) -> None:
    async def story(loop: ScenarioLoop) -> tuple[float, int]:
        await asyncio.sleep(5 * DAY)
        return loop.time(), loop.real_elapsed_ns()

    (scenario, real), _ = in_lab(story)
    assert 5 * DAY <= scenario < 5 * DAY + 60
    assert real < 60e9


def test_timers_fire_in_their_order(in_lab: InLab) -> None:
    async def story(loop: ScenarioLoop) -> list[int]:
        fired: list[int] = []
        for hours in (30, 1, 12, 2):
            loop.call_later(hours * 3600, fired.append, hours)
        await asyncio.sleep(2 * DAY)
        return fired

    assert in_lab(story)[0] == [1, 2, 12, 30]


def test_time_can_be_held(in_lab: InLab) -> None:
    async def story(loop: ScenarioLoop) -> int:
        with loop.real_time():
            await asyncio.sleep(0.2)
        return loop.real_elapsed_ns()

    assert in_lab(story)[0] >= 0.2e9


_PROBING = "sl local rem st queues\n0: 1401007F:C350 1E01007F:0019 01 00000400:00000000 04:00000010 00000000\n"
_IDLE = "1: 1E01007F:0019 1401007F:C350 01 00000000:{unread:08X} 00:00000000 00000000\n"


@pytest.mark.parametrize(("unread", "reopens"), [(0, True), (1, False), (20_480, False)])
def test_a_probe_finds_an_open_window_where_all_is_read(unread: int, reopens: bool) -> None:
    """As /proc/net/tcp has it: the peer's receive queue says whether its program has read what there was."""
    [waiting] = _waiting(socket.AF_INET, (_PROBING + _IDLE.format(unread=unread)).encode())
    assert waiting == Waiting(("127.0.1.20", 50_000), ("127.0.1.30", 25), probes=True, reopens=reopens)


def test_nobody_knows_of_a_peer_in_another_network() -> None:
    assert [waiting.reopens for waiting in _waiting(socket.AF_INET, _PROBING.encode())] == [False]


_LISTENER = "0: 00000000:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n"
_GONE = "1: 1E01007F:0019 1401007F:C350 06 00000000:00000000 03:00001700 00000000\n"
_ASKS = "2: 1401007F:C351 1E01007F:0019 02 00000001:00000000 01:00000064 00000000\n"
_TITLE = "sl local rem st queues\n"


@pytest.mark.parametrize(
    ("before", "seen_without_a_packet"),
    [(_LISTENER, 0), (_LISTENER + _GONE, 0), ("", 0), (_LISTENER + _IDLE.format(unread=0), 1), (_ASKS, 1)],
    ids=["listens", "has been closed", "nobody there", "is connected", "knocks"],
)
def test_a_network_of_listeners_is_asked_again_when_it_has_carried_a_packet(
    before: str, seen_without_a_packet: int, tmp_path: Path
) -> None:
    """The tables are as /proc/net/tcp has them, the counters as /proc/net/dev."""
    table, counters = tmp_path / "tcp", tmp_path / "dev"
    table.write_text(_TITLE + before)
    counters.write_text("lo: 0 0\nwire0: 0 0\n")
    with table.open("rb") as rows, counters.open("rb") as counts:
        network = _Network([(socket.AF_INET, rows.fileno())], counts.fileno())
        network.waiting()
        table.write_text(_TITLE + before.replace(_ASKS, "") + _ASKS)
        assert len(network.waiting()) == seen_without_a_packet
        counters.write_text("lo: 0 1\nwire0: 0 0\n")
        assert [waiting.local for waiting in network.waiting()] == [("127.0.1.20", 50_001)]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


def test_no_timer_overtakes_data_in_flight(in_lab: InLab) -> None:
    """Twenty clients, each exchange under a timer of a scenario minute that would fire at the first wrong jump."""

    async def client() -> int:
        reader, writer = await asyncio.open_connection(BOB, 25, local_addr=(ALICE, 0))
        for number in range(100):
            writer.write(b"line %d\r\n" % number)
            await asyncio.wait_for(reader.readline(), 60.0)
        writer.close()
        return 100

    async def story(loop: ScenarioLoop) -> int:
        await asyncio.start_server(_serve, BOB, 25)
        return sum(await asyncio.gather(*(client() for _ in range(20))))

    assert in_lab(story)[0] == 2000


def test_a_lost_syn_costs_the_kernels_second(in_lab: InLab) -> None:
    fault = SelectiveFault(frozenset({ALICE}), frozenset({BOB}), Selection(Kind.SYN), Trigger(1, 1), lose)

    async def story(loop: ScenarioLoop) -> int:
        await asyncio.start_server(_serve, BOB, 25)
        _, writer = await asyncio.wait_for(asyncio.open_connection(BOB, 25, local_addr=(ALICE, 0)), 300)
        writer.close()
        return loop.real_elapsed_ns()

    real, recorded = in_lab(story, [fault])
    assert real > 0.9e9
    assert recorded.kinds(ALICE)[:3] == ["SYN", "SYN", "ACK"]
    assert recorded.kinds(lost=True) == ["SYN"]


def test_a_silent_host_costs_scenario_time_only(in_lab: InLab) -> None:
    async def story(loop: ScenarioLoop) -> tuple[str, float]:
        try:
            await asyncio.wait_for(asyncio.open_connection(BOB, 25, local_addr=(ALICE, 0)), 300)
        except TimeoutError:
            return "timed out", loop.time()
        return "connected", loop.time()

    (outcome, scenario), recorded = in_lab(story, [Silent(frozenset({BOB}), Trigger())])
    assert outcome == "timed out"
    assert 300 <= scenario < 310
    assert recorded.kinds(lost=True) == ["SYN"]


def test_a_delayed_packet_arrives_in_scenario_time(in_lab: InLab) -> None:
    fault = SelectiveFault(
        frozenset({BOB}), frozenset({ALICE}), Selection(Kind.DATA), Trigger(1, 1), delay(200_000_000)
    )

    async def story(loop: ScenarioLoop) -> float:
        await asyncio.start_server(_serve, BOB, 25)
        reader, writer = await asyncio.open_connection(BOB, 25, local_addr=(ALICE, 0))
        started = loop.time()
        writer.write(b"hello\r\n")
        await reader.readline()
        return loop.time() - started

    took, recorded = in_lab(story, [fault])
    assert took >= 0.01, "the answer came before the delay or a retransmission could bring it"
    assert [packet[5] for packet in recorded.packets if packet[5]] == ["fault: data delayed"]


def test_windows_of_faults_are_counted_from_when_everybody_is_there(in_lab: InLab) -> None:
    """However long programs take to start; packets are delayed as ever."""
    late = SelectiveFault(
        frozenset({ALICE}), frozenset({BOB}), Selection(), Trigger(until_ns=30_000_000_000), delay(2_000_000_000)
    )

    async def story(loop: ScenarioLoop) -> list[float]:
        await asyncio.start_server(_serve, BOB, 25)
        await asyncio.sleep(60)
        loop.begin()
        took = []
        for _ in range(2):
            before = loop.time()
            _, writer = await asyncio.open_connection(BOB, 25, local_addr=(ALICE, 0))
            took.append(loop.time() - before)
            writer.transport.abort()
            await asyncio.sleep(60)
        return took

    first, second = in_lab(story, [late])[0]
    assert (first >= 2, second >= 2) == (True, False)
