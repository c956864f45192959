"""A server that refuses a chunk must throw its octets away (RFC 3030 §2); one that does not obeys the message."""

from __future__ import annotations

import pytest
from talk import Talk, watch

_HELLO = ("S 220 mx", "C EHLO a", "S 250-mx\r\n250-PIPELINING\r\n250 CHUNKING", "C MAIL FROM:<a@x>", "S 250 ok")
_CHUNK = b"Subject: x\r\n\r\nRSET\r\nhi\r\n"
_ANSWERS = ("S 500 what", "S 500 what", "S 250 reset", "S 500 what")


def chunk(*replies: str, last: str = " LAST") -> Talk:
    talk = Talk().open().say(*_HELLO, "C RCPT TO:<b@y>", "S 550 5.1.1 no such user")
    talk.segment(0, "PA", f"BDAT {len(_CHUNK)}{last}\r\n".encode() + _CHUNK)
    return talk.say(*replies, "C QUIT", "S 221 bye").close()


@pytest.mark.parametrize("last", [" LAST", ""])
def test_octets_that_are_taken_for_commands(last: str) -> None:
    analysis = watch(chunk("S 503 5.5.1 need RCPT", *_ANSWERS, last=last))
    (told,) = [finding for finding in analysis.findings if finding.code == "chunk-obeyed"]
    assert told.text.endswith("it took them for commands, and answered 500 what (4 times)")
    assert len(told.frames) == 4
    codes = {finding.code for finding in analysis.findings}
    assert "reply-out-of-sequence" not in codes
    assert not codes & {"refused-for-good"}
    assert analysis.connections[0].outcome == "mail for b@y: 550 5.1.1 no such user"


@pytest.mark.parametrize("replies", [("S 503 5.5.1 need RCPT",), ("S 250 ok",), ("S 503 no", "S 421 bye")])
def test_a_chunk_that_was_thrown_away(replies: tuple[str, ...]) -> None:
    assert "chunk-obeyed" not in {finding.code for finding in watch(chunk(*replies)).findings}
