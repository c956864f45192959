"""TCP acknowledges for a program that has given up, too: only its next words show that it has heard a late reply."""

from __future__ import annotations

import pytest

from testbed.expect.conservation.passages import Answer, passages
from tests.trace.talk import Talk, watch

SAID = ("S 220 x", "C EHLO a", "S 250 x", "C MAIL FROM:<a@a>", "S 250 ok", "C RCPT TO:<b@x>", "S 250 ok")
TEXT = "C Message-ID: <1@a>\r\n\r\nhi\r\n."


def sent(*, leaves: bool) -> Talk:
    """A client that ``leaves`` has said QUIT and closed its side at once, as Exim does."""
    talk = Talk().open().say(*SAID, "C DATA", "S 354 go", TEXT + "\r\nQUIT" if leaves else TEXT)
    return talk.segment(0, "FA") if leaves else talk


@pytest.mark.parametrize(
    ("leaves", "seconds", "then", "answer"),
    [
        (True, 590, (), Answer.TAKEN),
        (True, 601, (), Answer.UNHEARD),
        (False, 590, (), Answer.TAKEN),
        (False, 601, (), Answer.UNHEARD),
        (False, 601, ("C QUIT", "S 221 bye"), Answer.TAKEN),
    ],
)
def test_who_says_nothing_after_a_late_reply_may_have_gone(
    leaves: bool, seconds: float, then: tuple[str, ...], answer: Answer
) -> None:
    talk = sent(leaves=leaves).wait(seconds).say("S 250 ok").segment(0, "A").say(*then)
    (passage,) = passages(watch(talk))
    assert passage.answer is answer
    assert passage.promised
