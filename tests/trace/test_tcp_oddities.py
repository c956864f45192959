"""Connections that no textbook draws: what the inspector says of them, and what Wireshark says.

``conn_state`` and ``history`` are what Zeek's definitions give; completeness and flags are compared with tshark.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import agreement
import pytest
from scapy.layers.inet import TCP
from scapy.packet import Packet
from talk import Talk

from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.tcp.events import event_names

COMPLETE, INCOMPLETE = Handshake.COMPLETE, Handshake.INCOMPLETE
UNSEEN, UNANSWERED = Handshake.UNSEEN, Handshake.UNANSWERED
NORMAL, RESET, OPEN, HALF = Closure.NORMAL, Closure.RESET, Closure.OPEN, Closure.HALF

GREETING = "S 220 mx.example ESMTP"
HELLO = ("C EHLO client.example", "S 250 mx.example")
GOODBYE = ("C QUIT", "S 221 2.0.0 bye")
DIALOGUE = (GREETING, *HELLO, *GOODBYE)
SAID = ("connect 220", "EHLO 250", "QUIT 221")
COOKIE = (34, b"\x01\x02\x03\x04\x05\x06\x07\x08")  # RFC 7413 §4.1.1


@dataclass(frozen=True)
class Seen:
    """What is expected of one connection."""

    conn_state: str
    history: str
    completeness: int
    handshake: Handshake
    closure: Closure
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """A capture and the connections in it.

    ``apart`` tells why Wireshark is not asked.
    """

    packets: Callable[[], Iterable[Packet]]
    seen: tuple[Seen, ...]
    apart: str = ""


def write(path: Path, packets: Iterable[Packet], snap: int = 65_535) -> Path:
    """A pcap of raw IP packets, ten milliseconds apart."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, 101)]
    for number, packet in enumerate(packets):
        octets = bytes(packet)
        seconds, ns = divmod(number * 10_000_000, 10**9)
        parts.append(struct.pack("<IIII", 1_700_000_000 + seconds, ns, len(octets[:snap]), len(octets)) + octets[:snap])
    path.write_bytes(b"".join(parts))
    return path


def said(connection: Connection) -> tuple[str, ...]:
    words = []
    for exchange in connection.exchanges:
        command = exchange.command.verb if exchange.command else "-"
        words.append(f"{command} {exchange.reply.code if exchange.reply else '-'}")
    return tuple(words)


def seen(connection: Connection) -> Seen:
    t = connection.transport
    return Seen(t.conn_state, t.history, t.completeness, t.opening.handshake, t.ending.closure, said(connection))


def window(talk: Talk, octets: int) -> Talk:
    """The window the last segment offers."""
    talk.packets[-1][TCP].window = octets
    return talk


def simultaneous_open() -> list[Packet]:
    """RFC 9293 figure 7."""
    talk = Talk().segment(0, "S").segment(1, "S").segment(0, "SA", back=1).segment(1, "SA", back=1)
    return talk.say(*DIALOGUE).close().packets


def crossing_syns_only() -> list[Packet]:
    return Talk().segment(0, "S").segment(1, "S").packets


def fast_open(*, cookie: bytes = COOKIE[1], taken: bool = True) -> list[Packet]:
    """The client greets in its SYN; what the server does not take is sent again."""
    hello = b"EHLO client.example\r\n"
    talk = Talk().segment(0, "S", hello if cookie else b"")
    talk.packets[-1][TCP].options = [(34, cookie), ("WScale", 7)]
    if not taken:
        talk.next[0] -= len(hello)
    talk.segment(1, "SA")
    talk.packets[-1][TCP].options = [("WScale", 7)] if cookie else [COOKIE, ("WScale", 7)]
    talk.segment(0, "A")
    talk.say(GREETING)
    if not (cookie and taken):
        talk.segment(0, "PA", hello)
    return talk.say(HELLO[1], *GOODBYE).close().packets


def half_close() -> list[Packet]:
    talk = Talk().open().say(GREETING, *HELLO, "C QUIT").segment(0, "FA").segment(1, "A")
    return talk.say("S 221-2.0.0 so long", "S 221 2.0.0 bye").segment(0, "A").segment(1, "FA").segment(0, "A").packets


def again(first: Talk, second: Talk) -> list[Packet]:
    return first.packets + second.packets


def session(isn: tuple[int, int] = (1_000, 9_000), *, end: str = "fin") -> Talk:
    talk = Talk(next=list(isn)).open().say(*DIALOGUE)
    return {"fin": talk.close, "rst": lambda: talk.segment(1, "R"), "": lambda: talk}[end]()


def other() -> Talk:
    return session((500_000, 700_000))


def middle(skip: int) -> list[Packet]:
    return session().packets[skip:]


def wrapped_message() -> list[Packet]:
    """Sequence numbers pass zero within the message, part of which is sent twice."""
    text = b"Subject: wrap\r\n\r\n" + b"0123456789" * 20 + b"\r\n.\r\n"
    commands = ("C MAIL FROM:<a@a.example>", "S 250 ok", "C RCPT TO:<b@b.example>", "S 250 ok", "C DATA", "S 354 go")
    before = sum(len(line) for line in (HELLO[0], *commands[::2]))  # two octets for "C " stand for the line ends
    talk = Talk(next=[(2**32 - 1 - before - 100) % 2**32, 2**32 - 5])
    talk.open().say(GREETING, *HELLO, *commands)
    for at in range(0, len(text), 40):
        talk.segment(0, "A", text[at : at + 40])
    talk.segment(0, "PA", text[80:], back=len(text) - 80).say("S 250 2.0.0 taken", *GOODBYE).close()
    for packet in talk.packets:
        packet[TCP].seq %= 2**32
        packet[TCP].ack %= 2**32
    return talk.packets


def different_octets() -> list[Packet]:
    """What is sent again says something else, and more."""
    talk = Talk().open().say(GREETING, *HELLO)
    talk.segment(0, "PA", b"MAIL FROM:<first@a.example>\r\n")
    talk.segment(0, "PA", b"MAIL FROM:<other@a.example>\r\nRCPT TO:<b@b.example>\r\n", back=29)
    talk.next[0] += 23
    return talk.say("S 250 one", "S 250 two", *GOODBYE).close().packets


def flood() -> list[Packet]:
    return [packet for port in range(300) for packet in Talk(port=20_000 + port).segment(0, "S").packets]


def repeated_syn() -> list[Packet]:
    return Talk().segment(0, "S").segment(0, "S", back=1).segment(0, "S", back=1).packets


def bare_ack() -> list[Packet]:
    """A server that still holds an old connection asks back (RFC 9293 §3.5.1) and hears no more."""
    return Talk().segment(0, "S").segment(1, "A").packets


def bare_ack_then_reset() -> list[Packet]:
    talk = Talk().segment(0, "S").segment(1, "A").segment(0, "R")
    talk.segment(0, "S", back=1).segment(1, "SA").segment(0, "A")
    return talk.say(*DIALOGUE).close().packets


def keep_alives(octets: bytes) -> list[Packet]:
    talk = Talk().open().say(GREETING, *HELLO).segment(0, "A")
    for _ in range(3):
        talk.segment(0, "A", octets, back=1).segment(1, "A")
    return talk.say(*GOODBYE).close().packets


def zero_window() -> list[Packet]:
    """The server takes nothing for a while; the probe's octet is refused, and sent again with the rest."""
    talk = Talk().open().say(GREETING, *HELLO, "C MAIL FROM:<a@a.example>", "S 250 ok")
    window(talk, 0)
    for _ in range(2):
        talk.segment(0, "A", b"Q")
        talk.next[0] -= 1
        window(talk.segment(1, "A"), 0)
    talk.segment(1, "A")
    return talk.say(*GOODBYE).close().packets


def old_segment_first() -> list[Packet]:
    """A segment of an earlier connection arrives late, before the SYN of the next with the same ports."""
    old = Talk(next=[3_000_000, 4_000_000]).segment(0, "A")
    return old.packets + session(end="").packets


ONE_IN_4_0 = "up to 4.0 Wireshark takes a SYN with the ISN of a connection that ended for that connection's"
FIRST_FRAME = "on the first frame of a conversation without SYN, Wireshark shows the value before that frame"

STORIES = {
    "simultaneous open": Story(simultaneous_open, (Seen("SF", "SsdDFfA", 31, COMPLETE, NORMAL, SAID),)),
    "crossing SYNs and no more": Story(crossing_syns_only, (Seen("S1", "Ss", 1, INCOMPLETE, OPEN),)),
    "fast open taken": Story(fast_open, (Seen("SF", "ShAdDFf", 31, COMPLETE, NORMAL, SAID),)),
    "fast open refused": Story(lambda: fast_open(taken=False), (Seen("SF", "ShAdDTFf", 31, COMPLETE, NORMAL, SAID),)),
    "fast open cookie asked for": Story(
        lambda: fast_open(cookie=b""), (Seen("SF", "ShAdDFf", 31, COMPLETE, NORMAL, SAID),)
    ),
    "half close": Story(half_close, (Seen("SF", "ShAdDFaf", 31, COMPLETE, NORMAL, SAID),)),
    "ports used again after FIN": Story(
        lambda: again(session(), other()), (Seen("SF", "ShAdDFf", 31, COMPLETE, NORMAL, SAID),) * 2
    ),
    "ports used again after RST": Story(
        lambda: again(session(end="rst"), other()),
        (Seen("RSTR", "ShAdDr", 47, COMPLETE, RESET, SAID), Seen("SF", "ShAdDFf", 31, COMPLETE, NORMAL, SAID)),
    ),
    "ports used again without an end": Story(
        lambda: again(session(end=""), other()),
        (Seen("S1", "ShAdD", 15, COMPLETE, OPEN, SAID), Seen("SF", "ShAdDFf", 31, COMPLETE, NORMAL, SAID)),
    ),
    "ports and ISN used again after FIN": Story(
        lambda: again(session(), session()),
        (Seen("SF", "ShAdDFf", 31, COMPLETE, NORMAL, SAID),) * 2,
        apart=ONE_IN_4_0,
    ),
    "SYN missing": Story(lambda: middle(1), (Seen("SF", "^hAdDFf", 30, COMPLETE, NORMAL, SAID),), apart=FIRST_FRAME),
    "SYN and SYN-ACK missing": Story(lambda: middle(2), (Seen("SF", "AdDFf", 28, UNSEEN, NORMAL, SAID),)),
    "handshake missing": Story(lambda: middle(3), (Seen("SF", "^dDFfA", 28, UNSEEN, NORMAL, SAID),)),
    "seen from the middle": Story(
        lambda: middle(5), (Seen("SF", "^dDFfA", 28, UNSEEN, NORMAL, ("- 250", "QUIT 221")),)
    ),
    "sequence numbers wrap in the message": Story(
        wrapped_message,
        (
            Seen(
                "SF",
                "ShAdDTFf",
                31,
                COMPLETE,
                NORMAL,
                ("connect 220", "EHLO 250", "MAIL 250", "RCPT 250", "DATA 354", "message 250", "QUIT 221"),
            ),
        ),
    ),
    "sent again with other octets": Story(
        different_octets,
        (Seen("SF", "ShAdDFf", 31, COMPLETE, NORMAL, ("connect 220", "EHLO 250", "MAIL 250", "RCPT 250", "QUIT 221")),),
    ),
    "SYN flood": Story(flood, (Seen("S0", "S", 1, UNANSWERED, OPEN),) * 300),
    "repeated SYN": Story(repeated_syn, (Seen("S0", "S", 1, UNANSWERED, OPEN),)),
    "SYN answered by a bare ACK": Story(bare_ack, (Seen("S0", "Sa", 5, INCOMPLETE, OPEN),)),
    "bare ACK, reset, SYN again": Story(
        bare_ack_then_reset,
        (Seen("RSTOS0", "SaR", 37, INCOMPLETE, RESET), Seen("SF", "ShAdDFf", 31, COMPLETE, NORMAL, SAID)),
        apart=ONE_IN_4_0,
    ),
    "keep-alives without octets": Story(
        lambda: keep_alives(b""), (Seen("SF", "ShAdDaFf", 31, COMPLETE, NORMAL, SAID),)
    ),
    "keep-alives with an octet": Story(
        lambda: keep_alives(b"\0"), (Seen("SF", "ShAdDTaFf", 31, COMPLETE, NORMAL, SAID),)
    ),
    "zero window probes": Story(
        zero_window,
        (Seen("SF", "ShAdDwaTFf", 31, COMPLETE, NORMAL, ("connect 220", "EHLO 250", "MAIL 250", "QUIT 221")),),
    ),
    "an old segment before the SYN": Story(
        old_segment_first,
        (Seen("OTH", "A", 4, UNSEEN, OPEN), Seen("S1", "ShAdD", 15, COMPLETE, OPEN, SAID)),
        apart=FIRST_FRAME,
    ),
}


EVERY = [pytest.param(story, id=name) for name, story in STORIES.items()]
COMPARED = [pytest.param(story, id=name) for name, story in STORIES.items() if not story.apart]


def told(tmp_path: Path, name: str) -> Analysis:
    return inspect(write(tmp_path / "odd.pcap", STORIES[name].packets()))


@pytest.mark.parametrize("story", EVERY)
def test_what_the_inspector_sees(story: Story, tmp_path: Path) -> None:
    analysis = inspect(write(tmp_path / "odd.pcap", story.packets()))
    assert tuple(seen(connection) for connection in analysis.connections) == story.seen
    assert analysis.problems == ()


@pytest.mark.program("tshark")
@pytest.mark.parametrize("story", COMPARED)
def test_as_wireshark_sees_it(story: Story, tmp_path: Path) -> None:
    path = write(tmp_path / "odd.pcap", story.packets())
    packets, flags = agreement.flag_differences(path)
    assert packets == len(list(story.packets()))
    assert flags == []
    assert agreement.completeness_differences(path)[1] == []


def events(analysis: Analysis, name: str) -> list[int]:
    """The frames that have a flag of Wireshark's."""
    pairs = zip(analysis.table.frame.tolist(), analysis.labels.events.tolist(), strict=True)
    return [frame for frame, mask in pairs if name in event_names(mask)]


def test_a_simultaneous_open_repeats_no_syn(tmp_path: Path) -> None:
    analysis = told(tmp_path, "simultaneous open")
    assert analysis.connections[0].opening.syn_frames == (1,)
    assert [finding.code for finding in analysis.findings] == []


def test_octets_in_a_syn_are_read_once(tmp_path: Path) -> None:
    for name in ("fast open taken", "fast open refused"):
        [connection] = told(tmp_path, name).connections
        assert connection.exchanges[1].command is not None
        assert connection.exchanges[1].command.frames == (1,)
        assert connection.transport.gaps == 0


OCTETS = {
    "fast open taken": 27,
    "fast open refused": 27,
    "keep-alives with an octet": 27,
    "zero window probes": 27 + 25,
    "sent again with other octets": 27 + 29 + 23,
    "sequence numbers wrap in the message": 27 + 25 + 23 + 6 + 222,
}


@pytest.mark.parametrize(("name", "octets"), OCTETS.items(), ids=OCTETS)
def test_octets_sent_again_count_once(name: str, octets: int, tmp_path: Path) -> None:
    assert told(tmp_path, name).connections[0].transport.client_octets == octets


def test_octets_of_a_syn_sent_again_are_a_retransmission(tmp_path: Path) -> None:
    assert told(tmp_path, "fast open refused").connections[0].transport.retransmitted_frames == (5,)
    assert told(tmp_path, "fast open taken").connections[0].transport.retransmitted_frames == ()


def test_after_a_half_close_the_other_side_is_heard_out(tmp_path: Path) -> None:
    [connection] = told(tmp_path, "half close").connections
    assert (connection.ending.by, connection.ending.frames) == ("client", (8, 13))
    reply = connection.exchanges[-1].reply
    assert reply is not None
    assert (reply.lines, reply.frames) == (("so long", "bye"), (10, 11))


def test_a_message_over_the_wrap_is_whole(tmp_path: Path) -> None:
    [connection] = told(tmp_path, "sequence numbers wrap in the message").connections
    [transaction] = connection.transactions
    message = transaction.message
    assert message is not None
    assert message.command is not None
    assert (message.command.octets, transaction.subject, connection.transport.gaps) == (222, "wrap", 0)
    assert transaction.recipients[0].accepted


def test_octets_that_came_first_count(tmp_path: Path) -> None:
    """As the server, which had acknowledged nothing yet, may have seen either, so does Wireshark."""
    [connection] = told(tmp_path, "sent again with other octets").connections
    assert [transaction.sender for transaction in connection.transactions] == ["first@a.example"]
    assert connection.transport.gaps == 0


def test_keep_alives_are_no_retransmissions(tmp_path: Path) -> None:
    for name in ("keep-alives without octets", "keep-alives with an octet"):
        analysis = told(tmp_path, name)
        assert events(analysis, "keep_alive") == [8, 10, 12]
        assert events(analysis, "keep_alive_ack") == [9, 11, 13]
        assert analysis.connections[0].transport.retransmitted_frames == ()
        assert analysis.findings == ()


def test_zero_window_probes(tmp_path: Path) -> None:
    analysis = told(tmp_path, "zero window probes")
    assert events(analysis, "zero_window_probe") == [9, 11]
    assert events(analysis, "zero_window_probe_ack") == [10, 12]
    assert events(analysis, "window_update") == [13]
    assert analysis.connections[0].transport.retransmitted_frames == ()


def cut_message(body: bytes) -> list[Packet]:
    commands = ("C MAIL FROM:<a@a.example>", "S 250 ok", "C RCPT TO:<b@b.example>", "S 250 ok", "C DATA", "S 354 go")
    talk = Talk().open().say(GREETING, *HELLO, *commands)
    for at in range(0, len(body), 400):
        talk.segment(0, "A", body[at : at + 400])
    return talk.segment(1, "A").say("S 250 2.0.0 taken", *GOODBYE).close().packets


BODY = b"Subject: cut\r\n\r\n" + b"0123456789" * 120 + b"\r\n.\r\n"
WHOLE = ("connect 220", "EHLO 250", "MAIL 250", "RCPT 250", "DATA 354", "message 250", "QUIT 221")


def test_a_message_cut_by_the_snap_length_is_followed_by_its_length(tmp_path: Path) -> None:
    """What is missing counts as sent: dialogue and account are those of the whole capture."""
    analysis = inspect(write(tmp_path / "cut.pcap", cut_message(BODY), snap=96))
    [connection] = analysis.connections
    assert said(connection) == WHOLE
    transport = connection.transport
    assert (transport.conn_state, transport.completeness, transport.ending.closure) == ("SF", 31, NORMAL)
    assert connection.transport.gaps > 0
    assert "G" in connection.transport.history
    message = connection.transactions[0].message
    assert message is not None
    assert message.command is not None
    assert (message.command.octets, connection.transactions[0].subject) == (len(BODY), "cut")
    assert connection.transactions[0].recipients[0].accepted
    assert connection.transport.retransmissions == 0
    assert analysis.findings == ()


@pytest.mark.program("tshark")
@pytest.mark.parametrize("snap", [40, 54, 96])
def test_cut_packets_as_wireshark_sees_them(snap: int, tmp_path: Path) -> None:
    path = write(tmp_path / "cut.pcap", cut_message(BODY), snap=snap)
    assert agreement.flag_differences(path)[1] == []
    assert agreement.completeness_differences(path)[1] == []


def test_a_capture_that_cut_packets_says_so(tmp_path: Path) -> None:
    assert inspect(write(tmp_path / "cut.pcap", cut_message(BODY), snap=96)).problems != ()


@pytest.mark.parametrize("snap", [40, 54])
def test_what_the_capture_cut_is_nobodys_fault(snap: int, tmp_path: Path) -> None:
    """The server did greet and the message did end: both stand in the sequence numbers."""
    analysis = inspect(write(tmp_path / "cut.pcap", cut_message(BODY), snap=snap))
    assert {finding.code for finding in analysis.findings} & {"no-greeting", "message-cut-off"} == set()


def test_packets_cut_within_the_tcp_header_are_counted(tmp_path: Path) -> None:
    packets = cut_message(BODY)
    analysis = inspect(write(tmp_path / "cut.pcap", packets, snap=30))
    assert len(analysis.connections) == 0
    assert [problem.split()[0] for problem in analysis.problems] == [str(len(packets))]


def test_a_flood_is_told_as_what_it_is(tmp_path: Path) -> None:
    analysis = told(tmp_path, "SYN flood")
    assert len(analysis.connections) == 300
    assert {finding.code for finding in analysis.findings} == {"syn-unanswered", "capture-ends"}
