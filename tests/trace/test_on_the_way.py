"""What became of packets on their way, told from the packets alone; and what is no sign of anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import pytest
from scapy.layers.inet import IP, TCP
from scapy.packet import Packet, Raw
from talk import Talk

from testbed.pcap.checksums import BAD, GOOD
from testbed.pcap.condition import TRUNCATED, conditions, identifications
from testbed.pcap.read import parse_capture
from testbed.pcap.write import TraceWriter
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse

_START, _MS = 1_700_000_000 * 10**9, 1_000_000
CLIENT, SERVER = 0, 1
LARGE = bytes(1_000)


@dataclass
class Course(Talk):
    """A talk a millisecond a packet, with pauses, packets that come again, and damage."""

    pauses: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.open()

    def ip(self, side: int) -> Packet:
        ip = super().ip(side)
        ip.id = 100 + len(self.packets)
        return ip

    def pause(self, ms: int) -> Course:
        """Before the next packet."""
        self.pauses[len(self.packets)] = ms
        return self

    def again(self, place: int, *, resent: bool = True) -> Course:
        """A packet once more; ``resent`` gives it another IP identification, as its sender would."""
        packet = self.packets[place].copy()
        packet.id = 100 + len(self.packets) if resent else packet.id
        self.packets.append(packet)
        return self

    def damaged(self) -> Course:
        """The last packet, with a bit of its payload flipped."""
        octets = bytearray(bytes(self.packets[-1]))
        octets[-1] ^= 1
        self.packets[-1] = IP(bytes(octets))
        return self

    def cut(self) -> Course:
        """The last packet, without its last octets."""
        self.packets[-1] = Raw(bytes(self.packets[-1])[:-4])
        return self

    def swapped(self) -> Course:
        """The last two packets, the other way round."""
        self.packets[-2:] = reversed(self.packets[-2:])
        return self

    def watched(self) -> Analysis:
        file, now = BytesIO(), _START
        writer = TraceWriter(file, application="tests")
        for number, packet in enumerate(self.packets):
            now += (1 + self.pauses.get(number, 0)) * _MS
            writer.packet(now, bytes(packet))
        return analyse(parse_capture(np.frombuffer(file.getvalue(), np.uint8)))


def talk() -> Course:
    return Course()


def said() -> Course:
    """Greeted, and the client about to speak."""
    course = talk()
    course.say("S 220 mx").segment(CLIENT, "A")
    return course


def opened_late(acknowledged: bool) -> Course:
    course = talk()
    course.packets = course.packets[: 3 if acknowledged else 2]
    course.pause(1_000).again(1)
    course.segment(CLIENT, "A").say("S 220 mx")
    return course


def closed_late(*, first_lost: bool) -> Course:
    course = said()
    course.segment(CLIENT, "FA")
    if not first_lost:
        course.segment(SERVER, "A")
    course.pause(300)
    course.again(len(course.packets) - (1 if first_lost else 2))
    course.segment(SERVER, "A").segment(SERVER, "FA").segment(CLIENT, "A")
    return course


def sent_in_vain(octets: bytes, *, peer_speaks: bool = False) -> Course:
    """Data is repeated and never acknowledged; the peer may say something that is answered."""
    course = said()
    course.say("C EHLO a").segment(SERVER, "A")
    course.segment(CLIENT, "PA", octets)
    place = len(course.packets) - 1
    course.pause(300).again(place)
    if peer_speaks:
        course.next[CLIENT] -= len(octets)
        course.say("S 421 too slow")
        course.next[CLIENT] += len(octets)
        course.packets.append(course.packets[-1].copy())
        course.packets[-1] = course.ip(CLIENT) / TCP(
            sport=course.port, dport=25, seq=course.next[CLIENT] - len(octets), ack=course.next[SERVER], flags="A"
        )
    for wait in (600, 1_200):
        course.pause(wait).again(place)
    return course


def data() -> Course:
    course = said()
    course.segment(CLIENT, "PA", b"EHLO a.example\r\n")
    return course


COURSES = {
    "a quiet talk": (said().say("C QUIT", "S 221 bye").close(), []),
    "data lost and sent again": (data().pause(300).again(5).segment(SERVER, "A"), []),
    "SYN-ACK lost": (opened_late(acknowledged=False), ["syn-ack-lost"]),
    "third ACK lost": (opened_late(acknowledged=True), ["third-ack-lost"]),
    "FIN lost": (closed_late(first_lost=True), ["fin-lost"]),
    "its acknowledgement lost": (closed_late(first_lost=False), ["fin-ack-lost"]),
    "came twice": (data().again(5, resent=False).segment(SERVER, "A"), ["packet-duplicated"]),
    "came twice, as if sent twice": (data().again(5).segment(SERVER, "A"), []),
    "came twice, far too late for a copy": (data().pause(300).again(5, resent=False), []),
    "data sent again after its acknowledgement": (
        data().segment(SERVER, "A").pause(300).again(5),
        ["sent-again-needlessly"],
    ),
    "repeated in vain": (sent_in_vain(b"MAIL FROM:<a@b.example>\r\n"), ["connection-dead"]),
    "large, and repeated in vain": (sent_in_vain(LARGE), ["connection-dead"]),
    "large in vain, small in peace": (sent_in_vain(LARGE, peer_speaks=True), ["large-packets-lost"]),
}


@pytest.mark.parametrize(("course", "remarks"), COURSES.values(), ids=COURSES.keys())
def test_it_is_remarked(course: Course, remarks: list[str]) -> None:
    (connection,) = course.watched().connections
    assert [remark.code for remark in connection.transport.remarks] == remarks


def test_what_is_sent_again_needlessly_is_no_loss() -> None:
    findings = data().segment(SERVER, "A").pause(300).again(5).watched().findings
    (finding,) = (one for one in findings if one.code != "capture-ends")
    assert finding.text.startswith("10.0.0.1 resent data that 10.0.0.2 had acknowledged")


def test_a_syn_captured_after_its_answer_was_sent_once() -> None:
    course = said()
    course.packets[:2] = course.packets[1::-1]
    assert course.watched().findings == ()


def test_overtaken_data_comes_late_and_not_again() -> None:
    course = data()
    course.segment(CLIENT, "PA", b"NOOP\r\n").swapped()
    (connection,) = course.watched().connections
    assert [(r.code, r.frames) for r in connection.transport.remarks] == [("segment-reordered", (7,))]
    assert [e.command.verb for e in connection.exchanges if e.command] == ["connect", "EHLO", "NOOP"]


SOON = pytest.mark.parametrize(("after_ms", "soon"), [(2, True), (199, True), (200, False), (300, False)])
"""No timer of a TCP in use has run out after less than 200 ms."""


@SOON
def test_the_same_order_is_a_repetition_where_there_was_time_for_one(after_ms: int, soon: bool) -> None:
    course = data()
    course.segment(CLIENT, "PA", b"NOOP\r\n").swapped()
    course.pauses[len(course.packets) - 1] = after_ms - 1
    (connection,) = course.watched().connections
    assert [remark.code for remark in connection.transport.remarks] == ["segment-reordered"] * soon


@SOON
def test_a_packet_alike_is_a_duplicate_where_there_was_no_time_to_repeat_it(after_ms: int, soon: bool) -> None:
    course = data().pause(after_ms - 1).again(5, resent=False).segment(SERVER, "A")
    (connection,) = course.watched().connections
    assert [remark.code for remark in connection.transport.remarks] == ["packet-duplicated"] * soon


@pytest.mark.parametrize(("harm", "code"), [("damaged", "segment-corrupted"), ("cut", "packet-truncated")])
def test_nobody_reads_what_its_receiver_threw_away(harm: str, code: str) -> None:
    course = data()
    whole = course.packets[-1].copy()
    getattr(course, harm)().pause(300)
    course.packets.append(whole)
    course.say("S 250 mx")
    (connection,) = course.watched().connections
    assert [(r.code, r.frames) for r in connection.transport.remarks] == [(code, (6, 7))]
    (hello,) = [e for e in connection.exchanges if e.command and e.command.verb == "EHLO"]
    assert hello.command is not None
    assert hello.command.frames == (7,)
    assert hello.command.argument == "a.example"


def test_a_checksum_left_to_the_card_is_no_damage() -> None:
    """Nothing was sent again: who captured may have left the checksums to the hardware."""
    (connection,) = data().damaged().segment(SERVER, "A").watched().connections
    assert connection.transport.remarks == ()
    assert [e.command.verb for e in connection.exchanges if e.command] == ["connect", "EHLO"]


def test_conditions_of_packets() -> None:
    course = data().again(5).damaged().again(5).cut()
    table = course.watched().table
    rows = np.array([5, 6, 7])
    assert conditions(table, rows).tolist() == [GOOD, BAD, TRUNCATED]
    assert identifications(table, rows).tolist() == [105, 106, 107]


def test_ipv6_has_no_identification() -> None:
    talk = Talk(v6=True).open()
    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    for number, packet in enumerate(talk.packets):
        writer.packet(_START + number, bytes(packet))
    table = analyse(parse_capture(np.frombuffer(file.getvalue(), np.uint8))).table
    assert conditions(table, np.arange(3)).tolist() == [GOOD] * 3
    assert identifications(table, np.arange(3)).tolist() == [-1] * 3
