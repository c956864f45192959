"""Which packets were sent again needlessly is known of connections that go on, however many have come and gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.net.packet import Packet, look
from testbed.net.repetitions import Repetitions, Sending
from tests.attack.packets import ACK, SYN, SYN_ACK, Line

_RST = 0x14
_EMPTIED = 0  # no device is ever found empty: everything was sent before the last acknowledgement came


def _carry(repetitions: Repetitions, packets: list[bytes]) -> list[Packet]:
    """Show the wire's way of all of them; gives them as it sees them."""
    looked = [look(packet) for packet in packets]
    for packet in looked:
        assert repetitions.judge(packet, _EMPTIED) is Sending.NEW
        repetitions.carried(packet, touched=False)
        repetitions.arrived(packet, _EMPTIED)
    return looked


def _talk(client: int) -> Line:
    return Line(client=client).open().ask(b"NOOP", b"250 Ok").segment(False, flags=ACK)


def _reset(client: int) -> list[bytes]:
    return _talk(client).segment(True, flags=_RST).packets


@pytest.mark.parametrize("end", [lambda client: _talk(client).end(), _reset], ids=["FIN", "RST"])
def test_those_that_are_over_are_forgotten_once_very_many_others_are_over_too(
    end: Callable[[int], list[bytes]],
) -> None:
    repetitions = Repetitions()
    going_on = _carry(repetitions, _talk(40_000).packets)
    over = _carry(repetitions, end(40_001))
    _carry(repetitions, end(40_002))
    assert [repetitions.judge(talk[3], _EMPTIED) for talk in (going_on, over)] == [Sending.NEEDLESS] * 2
    for client in range(41_000, 43_000):
        _carry(repetitions, end(client))
    assert [repetitions.judge(talk[3], _EMPTIED) for talk in (going_on, over)] == [Sending.NEEDLESS, Sending.NEW]


def test_where_only_openings_are_judged_no_end_is_waited_for() -> None:
    repetitions = Repetitions(opening_only=True)
    first = _carry(repetitions, Line(client=40_000).open().packets)
    waiting = _carry(repetitions, Line(client=40_001).segment(False, flags=SYN).packets)
    assert repetitions.judge(first[0], _EMPTIED) is Sending.NEEDLESS
    for client in range(41_000, 43_000):
        _carry(repetitions, Line(client=client).open().packets)
    assert repetitions.judge(first[0], _EMPTIED) is Sending.NEW
    assert repetitions.opening == {waiting[0].ends}


def test_a_port_that_is_used_again_belongs_to_the_connection_that_goes_on() -> None:
    repetitions = Repetitions()
    _carry(repetitions, _talk(40_000).end())
    again = Line(client=40_000, next=[50_000, 90_000]).open().ask(b"NOOP", b"250 Ok").segment(False, flags=ACK)
    going_on = _carry(repetitions, again.packets)
    for client in range(41_000, 43_000):
        _carry(repetitions, _talk(client).end())
    assert repetitions.judge(going_on[3], _EMPTIED) is Sending.NEEDLESS
    assert repetitions.judge(look(Line(client=40_000).segment(True, flags=SYN_ACK).packets[0]), _EMPTIED) is Sending.NEW
