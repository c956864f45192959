"""Which sockets repeat themselves in vain, from what the wire has destroyed."""

from __future__ import annotations

import pytest

from testbed.net.faults import Selection, SelectiveFault, lose
from testbed.net.kernel_timers import Waiting
from testbed.net.packet import Kind, Packet
from testbed.net.stuck import Stuck
from testbed.protocols.trigger import Trigger

from .conftest import ALICE, BOB

CLIENT, SERVER = (ALICE, 50_000), (BOB, 25)


def _packet(kind: Kind, sequence: int = 1, acknowledgement: int = 1, *, answer: bool = False) -> Packet:
    (source, source_port), (destination, port) = (SERVER, CLIENT) if answer else (CLIENT, SERVER)
    payload = 100 if kind is Kind.DATA else 0
    return Packet(b"", 4, source, destination, 6, kind, 20, 0x10, source_port, port, sequence, acknowledgement, payload)


def _stuck(packets: list[Packet], fault_times: int | None = None) -> list[str]:
    """Which ends count as stuck when these were destroyed."""
    fault = SelectiveFault(frozenset({ALICE}), frozenset({BOB}), Selection(), Trigger(times=fault_times), lose)
    stuck = Stuck()
    for packet in packets:
        stuck.struck(fault, lose(packet, 0), packet)
    ends = {"client": (CLIENT, SERVER), "server": (SERVER, CLIENT)}
    return [name for name, (local, remote) in ends.items() if stuck.holds(Waiting(local, remote, False), 0)]


DATA, ACK = Kind.DATA, Kind.ACK


@pytest.mark.parametrize(
    ("packets", "stuck"),
    [
        ([], []),
        ([_packet(Kind.SYN)], ["client"]),
        ([_packet(Kind.SYN_ACK, answer=True)], ["client", "server"]),
        ([_packet(DATA)] * 2, []),
        ([_packet(DATA)] * 3, ["client"]),
        ([_packet(Kind.FIN)] * 3, ["client"]),
        ([_packet(DATA), _packet(DATA), _packet(DATA, 101)], []),
        ([_packet(DATA, 1, 1), _packet(DATA, 1, 1), _packet(DATA, 1, 60)], ["client"]),
        ([_packet(ACK, 1, 1), _packet(ACK, 1, 1), _packet(ACK, 1, 60)], []),
        ([_packet(ACK)] * 3, ["server"]),
    ],
    ids=[
        *("nothing", "a SYN", "a SYN-ACK", "data twice", "data three times", "a FIN three times", "other data"),
        *("data that acknowledges more", "ACKs of other data", "an ACK three times"),
    ],
)
def test_who_repeats_itself_in_vain(packets: list[Packet], stuck: list[str]) -> None:
    assert _stuck(packets) == stuck


def test_nobody_does_where_the_fault_is_over() -> None:
    assert _stuck([_packet(DATA)] * 3, fault_times=3) == []
