"""A capture has packets in another order than they went by: no octet is lost by that, and nobody sent any again."""

from __future__ import annotations

import itertools

import pytest
from talk import Talk, watch

from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Severity

MAIL = (
    "S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 2.1.0 ok", "C RCPT TO:<b@y>", "S 250 2.1.5 ok",
    "C DATA", "S 354 go", "C Subject: hi\r\n\r\nhi\r\n.", "S 250 2.0.0 queued as 4ABC", "C QUIT", "S 221 bye",
)  # fmt: skip
FIRST, LAST = 4, 15  # packets of the dialogue that can change places with the next


def swapped(*places: int) -> Connection:
    talk = Talk().open().say(*MAIL).close()
    for place in places:
        packets = talk.packets
        packets[place], packets[place + 1] = packets[place + 1], packets[place]
    (connection,) = watch(talk).connections
    return connection


@pytest.mark.parametrize("place", range(FIRST, LAST))
def test_two_neighbours_change_places(place: int) -> None:
    in_order, other = swapped(), swapped(place)
    assert other.outcome == in_order.outcome == "mail for b@y: taken"
    said = [(e.command and e.command.verb, e.reply and e.reply.status) for e in other.exchanges]
    assert said == [(e.command and e.command.verb, e.reply and e.reply.status) for e in in_order.exchanges]
    assert (other.transport.gaps, other.transport.retransmissions) == (0, 0)
    assert not [finding.text for finding in other.findings if finding.severity is not Severity.INFO]


@pytest.mark.parametrize("places", list(itertools.combinations(range(FIRST, LAST, 2), 2)))
def test_several_neighbours_change_places(places: tuple[int, int]) -> None:
    other = swapped(*places)
    assert other.outcome == "mail for b@y: taken"
    assert not [finding.text for finding in other.findings]


def test_a_reply_captured_before_its_command_took_no_time() -> None:
    (rcpt,) = [e for e in swapped(8).exchanges if e.command is not None and e.command.verb == "RCPT"]
    assert rcpt.latency_ns is None


def test_data_sent_again_was_lost_all_the_same() -> None:
    """What the other side had not acknowledged before is no matter of order."""
    talk = Talk().open().say(*MAIL[:3])
    talk.segment(0, "PA", b"MAIL FROM:<a@x>\r\n").segment(0, "PA", b"MAIL FROM:<a@x>\r\n", back=17)
    (connection,) = watch(talk.say(*MAIL[4:]).close()).connections
    assert connection.transport.retransmissions == 1


def closed_by_the_server() -> Talk:
    talk = Talk().open().say("S 220 mx", "C QUIT", "S 221 bye")
    return talk.segment(1, "FA").segment(0, "FA").segment(1, "A")


def test_who_closed_first_is_told_by_what_a_fin_acknowledges() -> None:
    swapped, without_first, without_second = closed_by_the_server(), closed_by_the_server(), closed_by_the_server()
    swapped.packets[-3:-1] = swapped.packets[-2:-4:-1]
    del without_first.packets[-3]
    del without_second.packets[-2]
    for talk, ending in ((swapped, "closed normally"), (without_first, "closed normally")):
        (connection,) = watch(talk).connections
        assert (str(connection.ending), connection.ending.by) == (ending, "server")
    (connection,) = watch(without_second).connections
    assert (str(connection.ending), connection.ending.by) == ("half closed by server", "server")


def test_a_reset_tells_what_its_sender_had_said() -> None:
    talk = Talk().open().say("S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 ok").segment(1, "RA")
    del talk.packets[-2]
    (connection,) = watch(talk).connections
    assert (connection.transport.gaps, connection.exchanges[-1].unseen) == (1, True)
    assert "server-hung-up" not in {finding.code for finding in connection.findings}


def test_data_behind_its_own_fin_was_overtaken() -> None:
    talk = Talk().open().say("S 220 mx", "C QUIT", "S 221 bye").segment(1, "FA").segment(0, "FA").segment(1, "A")
    talk.packets[-4:-2] = talk.packets[-3:-5:-1]
    talk.waits[len(talk.packets) - 4] = -9_000_000
    assert {finding.code for finding in watch(talk).findings} == {"segment-reordered"}
