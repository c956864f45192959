"""A capture taken at several points has every packet several times: that says nothing of the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO

import numpy as np
import pytest
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet
from scapy.utils import PcapWriter
from talk import Talk, watch
from test_glance import differences

from testbed.pcap.read import parse_capture
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse

_STEP, _BETWEEN = 0.002, 0.000_03  # seconds from packet to packet, and from one capture point to the next
Change = Callable[[Packet], Packet]


def delivery(*, v6: bool = False, port: int = 40_000) -> Talk:
    talk = Talk(port=port, v6=v6).open()
    talk.say("S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@b.example>", "S 250 ok", "C RCPT TO:<c@d.example>")
    return talk.say(
        "S 250 ok", "C DATA", "S 354 go", "C Subject: x\r\n\r\nHi\r\n.", "S 250 taken", "C QUIT", "S 221 b"
    ).close()


def captured(packets: Iterable[Packet], *points: Change) -> Analysis:
    """What is understood of packets captured at some points, each a little after the one before."""
    file = BytesIO()
    writer = PcapWriter(file, linktype=1)
    frames = [
        (number * _STEP + behind * _BETWEEN, point(Ether() / packet.copy()))
        for number, packet in enumerate(packets)
        for behind, point in enumerate(points)
    ]
    for seconds, frame in sorted(frames, key=lambda timed: timed[0]):
        frame.time = 1_700_000_000 + seconds
        writer.write(frame)
    return analyse(parse_capture(np.frombuffer(file.getvalue(), np.uint8)))


def same(frame: Packet) -> Packet:
    return frame


def routed(frame: Packet) -> Packet:
    frame.src = "02:00:00:00:00:07"
    frame[1].ttl -= 1
    return frame


def tagged(frame: Packet) -> Packet:
    return Ether() / Dot1Q(vlan=7) / frame.payload


POINTS: dict[str, tuple[Talk, tuple[Change, ...], str]] = {
    "a port mirrored both ways": (delivery(), (same, same), "twice (two capture points)"),
    "both sides of a router": (delivery(), (same, routed), "twice (two capture points)"),
    "a VLAN and the device below": (delivery(), (tagged, same), "twice (two capture points)"),
    "IPv6, which numbers no packets": (delivery(v6=True), (same, same), "twice (two capture points)"),
    "three interfaces": (delivery(), (tagged, same, routed), "3 times (3 capture points)"),
    "a refused connection": (Talk().segment(0, "S").segment(1, "RA"), (same, same), "twice (two capture points)"),
}


@pytest.mark.parametrize(("talk", "points", "how_often"), POINTS.values(), ids=POINTS.keys())
def test_it_is_said_once_and_nothing_is_made_of_it(talk: Talk, points: tuple[Change, ...], how_often: str) -> None:
    once, several = captured(talk.packets, same), captured(talk.packets, *points)
    (plain,), (connection,) = once.connections, several.connections
    (told,) = (finding for finding in several.findings if finding.code == "captured-again")
    assert told.text == f"the capture holds every packet {how_often}; each was sent once"
    assert [f.code for f in several.findings if f is not told] == [f.code for f in once.findings]
    assert connection.transport.retransmissions == 0
    assert connection.outcome == plain.outcome
    assert len(connection.exchanges) == len(plain.exchanges)


def test_it_is_said_once_for_all_connections() -> None:
    talks = delivery(), delivery(port=40_001), delivery(port=40_002)
    analysis = captured([packet for talk in talks for packet in talk.packets], same, same)
    (told,) = analysis.findings
    assert told.connections == (1, 2, 3)


def test_the_ladder_has_each_packet_once_and_the_list_of_packets_all() -> None:
    analysis = captured(delivery().packets, same, same)
    assert [row.step for row in analysis.packets(1)][1::2] == ["captured again"] * len(delivery().packets)
    assert any("retransmission" in row.tcp for row in analysis.packets(1))  # as Wireshark has it


def test_what_really_arrived_twice_is_answered_twice() -> None:
    """A link that doubles packets makes receivers acknowledge them once more."""
    talk = Talk().open()
    for _ in range(4):
        talk.segment(0, "PA", b"NOOP\r\n").segment(1, "A").segment(1, "A")
    analysis = captured(talk.packets, same, same)
    assert "captured-again" not in {finding.code for finding in analysis.findings}


def test_one_packet_that_comes_twice_is_no_second_capture_point() -> None:
    talk = delivery()
    talk.packets.insert(8, talk.packets[7])
    assert "captured-again" not in {finding.code for finding in watch(talk).findings}


def test_columns_see_it_too() -> None:
    packets = [p for port in range(40_000, 40_020) for p in delivery(port=port).packets]
    for points in ((same,), (same, same), (same, routed)):
        analysis = captured(packets, *points)
        assert differences(analysis, analysis.summary()) == []
