"""Which packets a wire fault chooses, and which connections can go on no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Raw

from testbed.net.faults import Action, Selection, SelectiveFault, Silent, lose
from testbed.net.kernel_timers import Waiting
from testbed.net.packet import Kind, Packet, look
from testbed.net.stuck import Stuck
from testbed.protocols.trigger import Trigger

CLIENT, SERVER = ("127.0.0.10", 40_000), ("127.0.0.20", 25)


@dataclass
class Talk:
    """The packets of one connection, each with a word of its own; sequence numbers count themselves and wrap."""

    port: int = CLIENT[1]
    next: list[int] = field(default_factory=lambda: [2**32 - 3, 9_000])
    packets: dict[str, Packet] = field(default_factory=dict)

    def segment(self, word: str, side: int, flags: str, octets: bytes = b"") -> Talk:
        ends = ((CLIENT[0], self.port), SERVER)
        ip = IP(src=ends[side][0], dst=ends[1 - side][0])
        ack = self.next[1 - side] if "A" in flags else 0
        tcp = TCP(sport=ends[side][1], dport=ends[1 - side][1], seq=self.next[side], ack=ack, flags=flags)
        self.packets[word] = look(bytes(ip / tcp / Raw(octets)))
        self.next[side] = (self.next[side] + len(octets) + ("S" in flags) + ("F" in flags)) % 2**32
        return self


def conversation(port: int = CLIENT[1]) -> dict[str, Packet]:
    talk = Talk(port)
    talk.segment("SYN", 0, "S").segment("SYN-ACK", 1, "SA").segment("third ACK", 0, "A")
    talk.segment("220", 1, "PA", b"220 mx\r\n").segment("ACK of 220", 0, "A")
    talk.segment("EHLO", 0, "PA", b"EHLO a\r\n").segment("250", 1, "PA", b"250 " + bytes(600) + b"\r\n")
    talk.segment("FIN", 0, "FA").segment("ACK of FIN", 1, "A").segment("other FIN", 1, "FA")
    return talk.segment("last ACK", 0, "A").packets


DATAGRAM = look(bytes(IP(src=CLIENT[0], dst=SERVER[0]) / UDP(sport=5_000, dport=53) / Raw(bytes(900))))
ALL = list(conversation())

CHOICES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ALL),
    ({"packets": "SYN"}, ["SYN"]),
    ({"packets": "SYN-ACK"}, ["SYN-ACK"]),
    ({"packets": "third ACK"}, ["third ACK"]),
    ({"packets": "ACK"}, ["third ACK", "ACK of 220", "ACK of FIN", "last ACK"]),
    ({"packets": "data"}, ["220", "EHLO", "250"]),
    ({"packets": "FIN"}, ["FIN", "other FIN"]),
    ({"packets": "last ACK"}, ["last ACK"]),
    ({"packets": "RST"}, []),
    ({"phase": "handshake"}, ["SYN", "SYN-ACK", "third ACK"]),
    ({"phase": "transfer"}, ["220", "ACK of 220", "EHLO", "250"]),
    ({"phase": "closure"}, ["FIN", "ACK of FIN", "other FIN", "last ACK"]),
    ({"phase": "closure", "packets": "ACK"}, ["ACK of FIN", "last ACK"]),
    ({"octet": 1}, ["220", "EHLO"]),
    ({"octet": 8}, ["220", "EHLO"]),
    ({"octet": 9}, ["250"]),
    ({"octet": 10_000}, []),
    ({"larger_than": 200}, ["250"]),
    ({"connection": 1}, ALL),
    ({"connection": 2}, []),
]


@pytest.mark.parametrize(("keys", "chosen"), CHOICES, ids=[str(keys) for keys, _ in CHOICES])
def test_it_chooses(keys: dict[str, Any], chosen: list[str]) -> None:
    selection = Selection(**keys)
    assert [word for word, packet in conversation().items() if selection.chooses(packet)] == chosen


def test_connections_are_counted_as_they_open_however_often_a_syn_is_sent() -> None:
    selection = Selection(connection=2, packets="data")
    first, second = conversation(), conversation(40_001)
    assert not any(selection.chooses(packet) for packet in (first["SYN"], first["SYN"], *first.values()))
    assert [word for word, packet in second.items() if selection.chooses(packet)] == ["220", "EHLO", "250"]


def test_ports_used_again_are_another_connection() -> None:
    selection = Selection(connection=2)
    assert not any(selection.chooses(packet) for packet in conversation().values())
    assert all(selection.chooses(packet) for packet in conversation().values())


@pytest.mark.parametrize(("keys", "chosen"), [({}, True), ({"larger_than": 500}, True), ({"larger_than": 950}, False)])
def test_a_datagram_has_a_size(keys: dict[str, Any], chosen: bool) -> None:
    assert Selection(**keys).chooses(DATAGRAM) is chosen


@pytest.mark.parametrize("keys", [{"packets": "data"}, {"phase": "transfer"}, {"octet": 1}, {"connection": 1}])
def test_a_datagram_has_no_kind_phase_place_or_connection(keys: dict[str, Any]) -> None:
    assert not Selection(**keys).chooses(DATAGRAM)


ALWAYS = SelectiveFault(frozenset(), frozenset(), Selection(), Trigger(), lose)
TWICE = SelectiveFault(frozenset(), frozenset(), Selection(), Trigger(times=2), lose)
VAIN, HELD = Action("lost", copies=0, lost=True), Action("held back")


def waits(stuck: Stuck, end: tuple[str, int], now_ns: int = 0) -> bool:
    peer = SERVER if end == CLIENT else CLIENT
    return not stuck.holds(Waiting(end, peer, False), now_ns)


# What is destroyed how often by what; whether client and server may still be waited for.
LOSSES = {
    "one SYN": ("SYN", 1, ALWAYS, False, True),
    "one SYN-ACK: both repeat themselves": ("SYN-ACK", 1, ALWAYS, False, False),
    "data twice": ("EHLO", 2, ALWAYS, True, True),
    "data three times": ("EHLO", 3, ALWAYS, False, True),
    "an ACK three times: who is not told repeats": ("ACK of 220", 3, ALWAYS, True, False),
    "a FIN three times": ("other FIN", 3, ALWAYS, True, False),
    "by a fault that will end": ("EHLO", 3, TWICE, True, True),
}


@pytest.mark.parametrize(("word", "times", "fault", "client", "server"), LOSSES.values(), ids=LOSSES.keys())
def test_who_repeats_in_vain_is_not_waited_for(
    word: str, times: int, fault: SelectiveFault, client: bool, server: bool
) -> None:
    stuck = Stuck()
    for _ in range(times):
        stuck.struck(fault, VAIN, conversation()[word])
    assert (waits(stuck, CLIENT), waits(stuck, SERVER)) == (client, server)


PASSES = {
    "the packet itself": ("EHLO", False),
    "another connection's SYN on the same ports": ("SYN", False),
    "what was said before": ("ACK of 220", True),
    "the peer's data": ("250", True),
}


@pytest.mark.parametrize(("word", "still"), PASSES.values(), ids=PASSES.keys())
def test_what_passes_and_what_stays_stuck(word: str, still: bool) -> None:
    stuck = Stuck()
    for _ in range(3):
        stuck.struck(ALWAYS, VAIN, conversation()["EHLO"])
    stuck.passed(conversation()[word])
    assert waits(stuck, CLIENT) is not still


def test_a_packet_held_back_is_not_destroyed() -> None:
    stuck = Stuck()
    for _ in range(3):
        stuck.struck(ALWAYS, HELD, conversation()["EHLO"])
    assert waits(stuck, CLIENT)


def test_it_lasts_as_long_as_the_fault() -> None:
    stuck, silent = Stuck(), Silent(frozenset({SERVER[0]}), Trigger(until_ns=5))
    stuck.struck(silent, VAIN, conversation()["SYN"])
    assert (waits(stuck, CLIENT, 4), waits(stuck, CLIENT, 6)) == (False, True)


@pytest.mark.parametrize("read", [True, False])
def test_a_probe_opens_the_window_of_a_peer_that_has_read_all(read: bool) -> None:
    assert Stuck().starved(Waiting(CLIENT, SERVER, probes=True, reopens=read), 0) is read


def test_datagrams_are_nobodys_loss() -> None:
    stuck = Stuck()
    stuck.struck(ALWAYS, VAIN, DATAGRAM)
    assert DATAGRAM.kind is Kind.OTHER
    assert waits(stuck, CLIENT)
