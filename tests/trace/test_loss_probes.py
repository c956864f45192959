"""What was sent again although it had arrived: its receiver says so (RFC 2883), and nothing is said to be lost."""

from __future__ import annotations

import pytest
from scapy.layers.inet import TCP

from tests.trace.talk import Talk, watch

HELLO = ("S 220 mx", "C EHLO a", "S 250 mx", "C QUIT", "S 221 Bye")


def told(talk: Talk) -> list[str]:
    return sorted(finding.code for finding in watch(talk).findings)


def acknowledge(talk: Talk, side: int, *sack: int) -> Talk:
    """An ACK; ``sack`` is the block of a selective acknowledgement, where there is one."""
    talk.segment(side, "A")
    if sack:
        talk.packets[-1][TCP].options = [("NOP", None), ("NOP", None), ("SAck", sack)]
    return talk


@pytest.mark.parametrize("sack", [True, False])
def test_a_fin(sack: bool) -> None:
    talk = Talk().open().say(*HELLO).segment(1, "FA").segment(1, "FA", back=1)
    block = (talk.next[1] - 1, talk.next[1]) if sack else ()
    acknowledge(talk, 0, *block).segment(0, "FA").segment(1, "A")
    assert told(talk) == ([] if sack else ["fin-lost"])


@pytest.mark.parametrize(("back", "sack"), [(8, True), (4, True), (8, False)])
def test_data_whole_or_in_part(back: int, sack: bool) -> None:
    talk = Talk().open().say("S 220 mx", "C EHLO a").segment(0, "PA", b"EHLO a\r\n"[-back:], back=back)
    block = (talk.next[0] - back, talk.next[0]) if sack else ()
    acknowledge(talk, 1, *block).say("S 250 mx", "C QUIT", "S 221 Bye").close()
    assert told(talk) == ([] if sack else ["segment-retransmitted"])


def test_a_block_of_what_came_ahead_of_a_hole_says_nothing_of_the_kind() -> None:
    talk = Talk().open().say("S 220 mx", "C EHLO a").segment(0, "PA", b"EHLO a\r\n", back=8)
    acknowledge(talk, 1, talk.next[0] + 100, talk.next[0] + 200).say("S 250 mx", "C QUIT", "S 221 Bye").close()
    assert told(talk) == ["segment-retransmitted"]
