"""ICMP errors belong to the connection whose packet they quote."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.packet import Raw
from talk import Talk, watch

from testbed.trace.model.connection import Handshake
from testbed.trace.model.phase import Phase


@pytest.mark.parametrize(
    ("v6", "code", "what"),
    [
        (False, 0, "ICMP network unreachable"),
        (False, 1, "ICMP host unreachable"),
        (False, 3, "ICMP port unreachable"),
        (False, 77, "ICMP code 77 unreachable"),
        (True, 0, "ICMP network unreachable"),
        (True, 3, "ICMP host unreachable"),
    ],
)
def test_an_error_is_a_packet_of_its_connection(v6: bool, code: int, what: str) -> None:
    analysis = watch(Talk(v6=v6).segment(0, "S").unreachable(code))
    (connection,) = analysis.connections
    assert connection.opening.handshake is Handshake.UNREACHABLE
    assert connection.packets == 1
    _, error = analysis.packets(1)
    assert (error.step, error.connection, error.phase, error.tcp) == (what, 1, Phase.HANDSHAKE, ())


def test_an_error_for_a_datagram() -> None:
    talk = Talk().ask("x.example", "MX", rcode=None).unreachable(3)
    (connection,) = watch(talk).connections
    assert connection.opening.handshake is Handshake.UNREACHABLE


def test_only_the_quoted_connection_is_concerned() -> None:
    analysis = watch(Talk(40_001).segment(0, "S"), Talk(40_002).segment(0, "S").unreachable())
    handshakes = [connection.opening.handshake for connection in analysis.connections]
    assert handshakes == [Handshake.UNANSWERED, Handshake.UNREACHABLE]


def test_an_open_connection_stays_what_it_was() -> None:
    talk = Talk().open().say("S 220 x").unreachable()
    (connection,) = watch(talk).connections
    assert connection.opening.handshake is Handshake.COMPLETE


def test_errors_that_quote_too_little_or_nothing_known_are_no_harm() -> None:
    talk = Talk().segment(0, "S")
    router = IP(src="10.0.0.9", dst="10.0.0.1")
    stranger = IP(src="10.9.9.9", dst="10.8.8.8") / TCP(sport=1, dport=2)
    quoted = bytes(talk.packets[0])
    talk.packets += [router / ICMP(type=3, code=1) / stranger, router / ICMP(type=8) / Raw(b"ping")]
    talk.packets += [router / ICMP(type=3, code=1) / Raw(quoted[:length]) for length in range(len(quoted) - 16)]
    (connection,) = watch(talk).connections
    assert connection.opening.handshake is Handshake.UNANSWERED
