"""Packets that somebody on the way made up: told as such, and believed only where their receiver believed them."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from talk import Talk, watch
from test_glance import differences

from testbed.trace.model.finding import Severity

_HELLO = ("S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 2.1.0 ok", "C RCPT TO:<b@y>")
_REST = ("C DATA", "S 354 go", "C hi\r\n.", "S 250 2.0.0 queued", "C QUIT", "S 221 bye")
_GENUINE, _FALSE = b"250 2.1.5 recipient ok\r\n", b"550 no\r\n"


def from_elsewhere(talk: Talk, hops: int = 41) -> Talk:
    """The last packet has come another way."""
    packet = talk.packets[-1]
    if IPv6 in packet:
        packet[IPv6].hlim = hops
    else:
        packet[IP].ttl = hops
    return talk


@pytest.mark.parametrize("v6", [False, True])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("place", [2, 5, 8])
def test_a_rst_that_nobody_obeyed(place: int, side: int, v6: bool) -> None:
    talk = Talk(v6=v6).open().say(*_HELLO, "S 250 2.1.5 ok", *_REST).close()
    stray = Talk(v6=v6, next=[1, 1]).segment(side, "RA").packets
    talk.packets[place:place] = stray
    analysis = watch(talk)
    (connection,) = analysis.connections
    assert connection.outcome == "mail for b@y: taken"
    (finding,) = analysis.findings
    who = ("10.0.0.1", "10.0.0.2") if not v6 else ("2001:db8::1", "2001:db8::2")
    assert finding.text.startswith(f"an RST that claims to be from {who[side]} had no effect")
    assert (finding.severity, finding.frames) == (Severity.WARNING, (place + 1,))
    assert differences(analysis, analysis.summary()) == []


def test_a_rst_before_the_syn_ack_refuses_nothing() -> None:
    talk = Talk().segment(0, "S")
    talk.packets += Talk(next=[1_001, 0]).segment(1, "RA").packets
    talk.segment(1, "SA").segment(0, "A").say(*_HELLO, "S 250 2.1.5 ok", *_REST).close()
    (connection,) = watch(talk).connections
    assert connection.outcome == "mail for b@y: taken"
    assert [finding.code for finding in connection.findings] == ["reset-not-obeyed"]


@pytest.mark.parametrize("false_first", [True, False])
def test_of_two_contents_the_one_counts_that_was_acknowledged(false_first: bool) -> None:
    talk = Talk().open().say(*_HELLO)
    if false_first:
        from_elsewhere(talk.segment(1, "PA", _FALSE)).next[1] -= len(_FALSE)
        talk.segment(1, "PA", _GENUINE)
    else:
        talk.segment(1, "PA", _GENUINE)
        false = Talk(next=[talk.next[0], talk.next[1] - len(_GENUINE)]).segment(1, "PA", _FALSE)
        talk.packets += from_elsewhere(false).packets
    analysis = watch(talk.segment(0, "A").say(*_REST).close())
    (connection,) = analysis.connections
    assert connection.outcome == "mail for b@y: taken"
    (finding,) = analysis.findings
    frame = 10 if false_first else 11
    assert finding.text == (
        f"the same octets from 10.0.0.2 came twice with different content, and frame {frame} took another route than "
        "its other packets, as its TTL shows: one version is not what it sent"
    )
    assert connection.transport.retransmissions == 0
    assert differences(analysis, analysis.summary()) == []


def test_a_forged_refusal_with_a_forged_rst_that_the_client_believed() -> None:
    talk = Talk().open().say(*_HELLO)
    from_elsewhere(talk.segment(1, "PA", _FALSE))
    from_elsewhere(talk.segment(1, "RA"))
    talk.next[1] -= len(_FALSE)
    talk.segment(1, "PA", _GENUINE).segment(0, "R")
    analysis = watch(talk)
    assert analysis.connections[0].outcome == "mail for b@y: 550 no; reset by client"
    codes = [finding.code for finding in analysis.findings]
    assert codes == ["octets-contradict", "reset-forged", "refused-for-good"]


def test_a_rst_from_elsewhere_while_the_server_goes_on() -> None:
    talk = Talk().open().say(*_HELLO)
    from_elsewhere(talk.segment(1, "RA"))
    talk.segment(1, "PA", _GENUINE).segment(0, "R")
    codes = [finding.code for finding in watch(talk).findings]
    assert "reset-forged" in codes
    assert "connection-reset" not in codes


HONEST = {
    "data sent again": Talk().open().say("S 220 mx", "C EHLO a").segment(0, "PA", b"EHLO a\r\n", back=8),
    "a probe of one octet": Talk().open().say("S 220 mx").segment(0, "A", b"\0", back=1).say("C EHLO a", "S 250 mx"),
    "a RST at the end": Talk().open().say("S 220 mx", "C EHLO a").segment(1, "R"),
    "a RST that meets data": Talk().open().say("S 220 mx").segment(0, "R").say("S 421 timeout").segment(0, "R"),
    "a new connection behind a RST": Talk().open().segment(1, "R").open().say("S 220 mx", "C QUIT", "S 221 bye"),
}  # fmt: skip


@pytest.mark.parametrize("talk", HONEST.values(), ids=HONEST)
def test_what_is_not_forged(talk: Talk) -> None:
    forged = {"reset-not-obeyed", "octets-contradict", "reset-forged"}
    assert not forged & {finding.code for finding in watch(talk).findings}
