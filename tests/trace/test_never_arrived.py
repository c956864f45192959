"""Octets that never arrived: whoever sent them was not silent."""

from __future__ import annotations

import pytest
from timed import TimedTalk, watch_timed

_ENVELOPE = (
    "S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok", "C DATA",
    "S 354 go",
)  # fmt: skip


def with_hole(missing: int, wait: float, *, v6: bool = False, port: int = 25) -> TimedTalk:
    """The capture is made at the server: so many octets of the message are missing before its last line."""
    talk = TimedTalk(v6=v6, server_port=port).open()
    talk.say(*_ENVELOPE)
    talk.next[0] += missing
    talk.segment(0, "PA", b"the end\r\n.\r\n")
    talk.next[0] -= missing + 12  # so the server acknowledges no more
    talk.segment(1, "A").wait(wait)
    return talk


@pytest.mark.parametrize(("v6", "port"), [(False, 25), (True, 25), (False, 587)])
def test_a_client_whose_large_packets_vanish_is_not_silent(v6: bool, port: int) -> None:
    talk = with_hole(4_380, 240, v6=v6, port=port)
    talk.say("S 421 4.4.2 timeout exceeded")
    texts = {f.code: f.text for f in watch_timed(talk.segment(1, "FA").segment(0, "RA")).findings}
    assert texts.keys() == {"octets-never-arrived"}
    assert "never arrived, 4,380 before frame 13, while none of more than 17 arrived" in texts["octets-never-arrived"]
    assert "path MTU black hole" in texts["octets-never-arrived"]


def test_a_small_hole_is_none_of_the_path() -> None:
    talk = with_hole(40, 30)
    talk.say("S 421 4.4.2 timeout exceeded").segment(1, "FA")
    (finding,) = [f for f in watch_timed(talk).findings if f.code == "octets-never-arrived"]
    assert "never arrived, 40 before frame 13: to the end, 10.0.0.2 acknowledged only" in finding.text


def test_a_capture_that_ends_soon_says_nothing_of_it() -> None:
    assert "octets-never-arrived" not in {f.code for f in watch_timed(with_hole(4_380, 0)).findings}


def test_a_hole_that_was_filled_is_none() -> None:
    talk = with_hole(7, 2)
    talk.segment(0, "PA", b"hello\r\n").next[0] += 12
    talk.say("S 250 taken", "C QUIT", "S 221 bye").close()
    assert "octets-never-arrived" not in {f.code for f in watch_timed(talk).findings}


def test_a_client_that_repeats_itself_in_vain_is_not_silent() -> None:
    """The capture is made at the client."""
    talk = TimedTalk().open()
    talk.say(*_ENVELOPE)
    talk.segment(0, "A", b"a" * 1_400)
    for seconds in (0.5, 1, 2, 4):
        talk.wait(seconds).segment(0, "A", b"a" * 1_400, back=1_400)
    talk.next[0] -= 1_400
    talk.wait(200).say("S 421 4.4.2 timeout exceeded").segment(1, "FA").segment(0, "RA")
    codes = {f.code for f in watch_timed(talk).findings}
    assert "client-stalled" not in codes
    assert codes & {"large-packets-lost", "connection-dead"}
