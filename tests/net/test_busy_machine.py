"""A machine that hesitates while packets wait for it: kernels repeat themselves, and no trace shows it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest

from testbed.net.clock import ScenarioLoop
from testbed.net.faults import PacketFault, Refused, Selection, SelectiveFault, Unreachable, lose
from testbed.net.namespace import enter
from testbed.net.netlink import HASTY_MS, PATIENT_MS
from testbed.net.packet import Kind, Packet
from testbed.net.wire import Wire
from testbed.protocols.trigger import Trigger

from .children import in_child
from .conftest import ALICE, ALICE6, BOB, BOB6, NAMES, Recorded

pytestmark = pytest.mark.lab

HESITATION_S = 1.3  # more than a SYN waits, which the kernel repeats after one


@dataclass
class Hesitant(Recorded):
    """Keeps the machine busy when the nth packet of a kind comes, once: that packet is not delivered yet."""

    kind: str = ""
    nth: int = 1
    needless: list[str] = field(default_factory=list)

    def packet(self, time_ns: int, data: bytes, *, lost: bool = False, comment: str = "") -> int:
        frame = super().packet(time_ns, data, lost=lost, comment=comment)
        if self.kinds().count(self.kind) == self.nth and self.packets[-1][1] == self.kind:
            time.sleep(HESITATION_S)
        return frame

    def not_carried(self, packet: Packet) -> None:
        self.needless.append(str(packet.kind))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


async def _talk(client: str, server: str) -> list[bytes]:
    """Two lines said and heard; or the name of the error."""
    listener = await asyncio.start_server(_echo, server, 25)
    try:
        reader, writer = await asyncio.open_connection(server, 25, local_addr=(client, 0))
    except OSError as error:
        return [type(error).__name__.encode()]
    heard = []
    for line in (b"first\n", b"second\n"):
        writer.write(line)
        heard.append(await reader.readline())
    writer.close()
    await writer.wait_closed()
    listener.close()
    await asyncio.sleep(60)
    return heard


def _played(
    kind: str, nth: int, rto_min_ms: int, faults: list[PacketFault], client: str = ALICE, server: str = BOB
) -> tuple[list[bytes], Hesitant]:
    def play() -> tuple[list[bytes], Hesitant]:
        network = enter(NAMES, BOB, rto_min_ms)
        loop = ScenarioLoop()
        asyncio.set_event_loop(loop)
        recorded = Hesitant(kind=kind, nth=nth)
        told, hasty = recorded.not_carried, rto_min_ms == HASTY_MS
        wire = Wire(network.wire, loop, recorded, list(NAMES), faults, on_needless=told, hasty=hasty)
        heard = loop.run_until_complete(_talk(client, server))
        wire.close()
        return heard, recorded

    return in_child(play)


ONCE = {"SYN": 1, "SYN-ACK": 1, "data": 4, "FIN": 2}
WHOLE = [b"first\n", b"second\n"]


@pytest.mark.parametrize(
    ("kind", "nth", "rto_min_ms", "client", "server"),
    [
        ("SYN", 1, HASTY_MS, ALICE, BOB),
        ("SYN", 1, PATIENT_MS, ALICE6, BOB6),
        ("SYN-ACK", 1, HASTY_MS, ALICE6, BOB6),
        ("SYN-ACK", 1, PATIENT_MS, ALICE, BOB),
        ("ACK", 1, HASTY_MS, ALICE, BOB),
        ("ACK", 1, PATIENT_MS, ALICE, BOB),
        ("data", 1, HASTY_MS, ALICE, BOB),
        ("data", 2, PATIENT_MS, ALICE, BOB),
        ("data", 4, HASTY_MS, ALICE6, BOB6),
        ("FIN", 1, HASTY_MS, ALICE, BOB),
        ("FIN", 2, HASTY_MS, ALICE, BOB),
    ],
)
def test_what_is_repeated_while_the_machine_hesitates_is_not_carried(
    kind: str, nth: int, rto_min_ms: int, client: str, server: str
) -> None:
    """The packet that waits is late, or it is the acknowledgement that another one waits for."""
    heard, recorded = _played(kind, nth, rto_min_ms, [], client, server)
    kinds = Counter(recorded.kinds())
    assert (heard, {kind: kinds[kind] for kind in ONCE}) == (WHOLE, ONCE), recorded.kinds()
    beyond_the_handshake = kind in ("data", "FIN")
    assert (kind in recorded.needless) == (rto_min_ms == HASTY_MS or not beyond_the_handshake) or kind == "ACK"


@pytest.mark.parametrize(
    ("fault", "error", "answer"), [(Refused, b"ConnectionRefusedError", "RST"), (Unreachable, b"OSError", "other")]
)
def test_a_refusal_is_an_answer_too(fault: type[Refused] | type[Unreachable], error: bytes, answer: str) -> None:
    heard, recorded = _played("SYN", 1, HASTY_MS, [fault(frozenset({BOB}), Trigger())])
    assert (heard, recorded.kinds(), set(recorded.needless)) == ([error], ["SYN", answer], {"SYN"})


def _loses(source: str, destination: str, kind: Kind, nth: int) -> SelectiveFault:
    return SelectiveFault(frozenset({source}), frozenset({destination}), Selection(kind), Trigger(nth, 1), lose)


@pytest.mark.parametrize(
    ("fault", "lost", "besides"),
    [
        (_loses(ALICE, BOB, Kind.SYN, 1), "SYN", {}),
        (_loses(BOB, ALICE, Kind.SYN_ACK, 1), "SYN-ACK", {"SYN": 1}),
        (_loses(BOB, ALICE, Kind.DATA, 2), "data", {}),
        (_loses(ALICE, BOB, Kind.FIN, 1), "FIN", {"data": 1}),
    ],
    ids=["SYN", "SYN-ACK", "data", "FIN, which acknowledges data"],
)
def test_what_a_fault_destroys_comes_again_and_what_depends_on_it(
    fault: PacketFault, lost: str, besides: dict[str, int]
) -> None:
    """The machine hesitates at other packets: the client's first line."""
    heard, recorded = _played("data", 1, HASTY_MS, [fault])
    kinds = Counter(recorded.kinds(lost=False))
    expected = {kind: count + besides.get(kind, 0) for kind, count in ONCE.items()}
    assert (heard, {kind: kinds[kind] for kind in ONCE}) == (WHOLE, expected), recorded.kinds()
    assert recorded.kinds(lost=True) == [lost]
