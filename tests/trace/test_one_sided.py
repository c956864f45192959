"""Captures of one direction, and a RST that nobody obeyed: what they do not hold is nobody's fault."""

from __future__ import annotations

import pytest
from talk import Talk, watch

from testbed.trace.model.connection import Handshake
from testbed.trace.model.finding import Severity

MAIL = (
    "S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok", "C DATA",
    "S 354 go", "C hi\r\n.", "S 250 queued", "C QUIT", "S 221 bye",
)  # fmt: skip
POP3 = ("S +OK", "C USER a", "S +OK", "C PASS b", "S +OK", "C STAT", "S +OK 0 0", "C QUIT", "S +OK")
TALKS = {25: MAIL, 110: POP3}


def side(kept: int, port: int) -> Talk:
    talk = Talk(server_port=port).open().say(*TALKS[port]).close()
    talk.packets = [packet for packet in talk.packets if (packet["TCP"].sport == port) == bool(kept)]
    return talk


@pytest.mark.parametrize("port", TALKS)
@pytest.mark.parametrize(("kept", "heard", "unheard"), [(0, "10.0.0.1", "10.0.0.2"), (1, "10.0.0.2", "10.0.0.1")])
def test_one_direction_shows_that_the_other_answered(kept: int, heard: str, unheard: str, port: int) -> None:
    analysis = watch(side(kept, port))
    [told] = [finding.text for finding in analysis.findings if finding.code == "one-side-only"]
    assert told == f"only {heard}'s side is in the capture; its packets show that {unheard} answered"
    assert not [f.text for f in analysis.findings if f.severity is not Severity.INFO]
    assert analysis.connections[0].opening.handshake is Handshake.COMPLETE


def test_a_rst_that_was_not_obeyed_refused_nothing() -> None:
    talk = Talk().segment(0, "S")
    talk.segment(1, "RA", back=0).segment(1, "SA").segment(0, "A").say(*MAIL).close()
    analysis = watch(talk)
    assert analysis.connections[0].opening.handshake is Handshake.COMPLETE
    assert "connection-refused" not in {finding.code for finding in analysis.findings}


def test_a_client_that_gives_up_its_syn_was_never_answered() -> None:
    (connection,) = watch(Talk().segment(0, "S").segment(0, "R")).connections
    assert connection.opening.handshake is Handshake.UNANSWERED
