"""A server that refuses a message before its end has refused it; nobody needs to guess."""

from __future__ import annotations

import pytest
from talk import Talk, watch

_ENVELOPE = (
    "S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok", "C DATA",
    "S 354 go",
)  # fmt: skip


def refused(reply: str, *, v6: bool = False, port: int = 25) -> Talk:
    talk = Talk(v6=v6, server_port=port).open().say(*_ENVELOPE)
    return talk.segment(0, "A", b"a line\r\n" * 100).say(reply)


ENDS = {
    "the server closes": lambda talk: talk.segment(1, "FA").segment(0, "A", b"more\r\n").segment(1, "R"),
    "the server resets": lambda talk: talk.segment(1, "R"),
    "the client closes": lambda talk: talk.segment(0, "FA").segment(1, "FA"),
    "the client ends the message and leaves": lambda talk: talk.say("C more\r\n.", "C QUIT", "S 221 bye").close(),
    "the client ends the message and is told again": lambda talk: talk.say(
        "C more\r\n.", "S 552 5.3.4 too big", "C QUIT", "S 221 bye").close(),
}  # fmt: skip


@pytest.mark.parametrize(("v6", "port"), [(False, 25), (True, 587)])
@pytest.mark.parametrize("end", ENDS)
def test_a_message_refused_before_its_end(end: str, v6: bool, port: int) -> None:
    (connection,) = watch(ENDS[end](refused("S 552 5.3.4 too big", v6=v6, port=port))).connections
    assert connection.outcome.partition(";")[0] == "mail for b@y: 552 5.3.4 too big"
    codes = {finding.code for finding in connection.findings}
    assert not codes & {"reply-to-message-lost", "message-cut-off", "reply-out-of-sequence"}
    assert "too-big" in codes or "message-too-big" in codes or any("552 5.3.4" in f.text for f in connection.findings)


def test_when_it_was_refused_is_told() -> None:
    (finding,) = watch(refused("S 452 4.3.1 disk full").segment(1, "FA").segment(0, "FA")).findings
    assert finding.text.startswith("10.0.0.2 refused the message for b@y from 10.0.0.1 before its end with 452 4.3.1")


@pytest.mark.parametrize("reply", ["S 421 shutting down", "S 451 4.4.2 timeout waiting for input"])
def test_what_refuses_no_message(reply: str) -> None:
    (connection,) = watch(refused(reply).segment(1, "FA").segment(0, "FA")).connections
    assert connection.outcome == "mail for b@y: message cut off"
