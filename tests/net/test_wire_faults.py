"""Packet faults, seen from both sides: in what the wire recorded and in what the sockets felt."""

from __future__ import annotations

import asyncio

import pytest

from testbed.net.clock import ScenarioLoop
from testbed.net.faults import PacketFault, Refused, Selection, SelectiveFault, Unreachable, duplicate, lose, reset
from testbed.net.packet import Kind
from testbed.protocols.trigger import Trigger

from .conftest import ALICE, ALICE6, BOB, BOB6, NAMES, InLab

pytestmark = pytest.mark.lab

S = 1_000_000_000


async def _upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            writer.write(line.upper())
    except ConnectionResetError:
        pass
    writer.close()


async def _talk(server: str, client: str, lines: int = 3) -> str:
    """What a client experiences: the answers, or the name of the error."""
    try:
        reader, writer = await asyncio.open_connection(server, 25, local_addr=(client, 0))
        answers = b""
        for number in range(lines):
            writer.write(b"line %d\n" % number)
            answers += await reader.readline()
        writer.close()
        await writer.wait_closed()
    except OSError as error:
        return f"{type(error).__name__}: {error.strerror or error}".partition(" (")[0]
    return answers.decode()


def _story(server: str = BOB, client: str = ALICE):
    async def story(loop: ScenarioLoop) -> str:
        await asyncio.start_server(_upper, server, 25)
        felt = await _talk(server, client)
        await asyncio.sleep(0.5)
        return felt

    return story


WHOLE = "LINE 0\nLINE 1\nLINE 2\n"


def _wire(source: str, destination: str, kind: Kind | None, nth: int, count: int, deed) -> SelectiveFault:
    return SelectiveFault(frozenset({source}), frozenset({destination}), Selection(kind), Trigger(nth, count), deed)


@pytest.mark.parametrize(
    ("fault", "felt", "struck"),
    [
        (_wire(ALICE, BOB, Kind.DATA, 2, 1, lose), WHOLE, ["data"]),
        (_wire(BOB, ALICE, Kind.DATA, 1, 2, lose), WHOLE, ["data", "data"]),
        (_wire(BOB, ALICE, Kind.SYN_ACK, 1, 1, lose), WHOLE, ["SYN-ACK"]),
        (_wire(ALICE, BOB, Kind.FIN, 1, 1, lose), WHOLE, ["FIN"]),
        (_wire(ALICE, BOB, None, 3, 1, lose), WHOLE, ["data"]),
    ],
    ids=["a data segment", "the same segment twice", "the SYN-ACK", "the FIN", "the third packet of any kind"],
)
def test_tcp_makes_up_for_what_is_lost(in_lab: InLab, fault: PacketFault, felt: str, struck: list[str]) -> None:
    experience, recorded = in_lab(_story(), [fault])
    assert experience == felt
    assert recorded.kinds(lost=True) == struck


def test_a_duplicate_is_delivered_once(in_lab: InLab) -> None:
    experience, recorded = in_lab(_story(), [_wire(ALICE, BOB, Kind.DATA, 1, 1, duplicate)])
    assert experience == WHOLE
    assert recorded.kinds(ALICE).count("data") == 4
    assert "fault: the duplicate" in [packet[5] for packet in recorded.packets]


@pytest.mark.parametrize("ends", ["sender", "both"])
def test_a_reset_reaches_the_sender(in_lab: InLab, ends: str) -> None:
    experience, recorded = in_lab(_story(), [_wire(ALICE, BOB, Kind.DATA, 2, 1, reset(ends))])
    assert experience == "ConnectionResetError: Connection reset by peer"
    assert recorded.kinds(BOB).count("RST") == 1


@pytest.mark.parametrize(("server", "client"), [(BOB, ALICE), (BOB6, ALICE6)], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    ("kind", "felt"),
    [
        (Refused, "ConnectionRefusedError: Connect call failed"),
        (Unreachable, "OSError: Connect call failed"),
    ],
    ids=["refused", "unreachable"],
)
def test_a_host_that_cannot_be_reached_is_felt_at_once(
    in_lab: InLab, kind: type[Refused] | type[Unreachable], felt: str, server: str, client: str
) -> None:
    experience, recorded = in_lab(_story(server, client), [kind(frozenset({server}), Trigger())])
    assert experience.startswith(felt)
    assert len(recorded.packets) == 2


def test_a_fault_lasts_as_long_as_its_window(in_lab: InLab) -> None:
    async def story(loop: ScenarioLoop) -> list[str]:
        await asyncio.start_server(_upper, BOB, 25)
        felt = []
        for _ in range(4):
            felt.append((await _talk(BOB, ALICE, 1)).partition(":")[0])
            await asyncio.sleep(3600)
        return felt

    fault = Refused(frozenset({BOB}), Trigger(from_ns=1800 * S, until_ns=9000 * S))
    assert in_lab(story, [fault])[0] == ["LINE 0\n", "ConnectionRefusedError", "ConnectionRefusedError", "LINE 0\n"]


def test_a_fault_strikes_its_own_direction_only(in_lab: InLab) -> None:
    fault = _wire(BOB, ALICE, Kind.SYN, 1, 1, lose)
    experience, recorded = in_lab(_story(), [fault])
    assert experience == WHOLE
    assert recorded.kinds(lost=True) == []


def test_pairs_are_told_apart_by_address() -> None:
    fault = Refused(frozenset({BOB}), Trigger())
    assert set(fault.pairs(NAMES)) >= {(ALICE, BOB), (BOB, ALICE)}
    assert (ALICE, ALICE) not in set(fault.pairs(NAMES))
