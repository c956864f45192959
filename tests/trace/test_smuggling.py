"""Messages that hide commands: a server that fell for it is told from one that did not, however the packets lie."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from talk import Talk, watch

from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects

ENVELOPE = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"
HIDDEN_COMMANDS = (b"MAIL FROM:<ceo@x>\r\n", b"RCPT TO:<b@y>\r\n", b"DATA\r\n")
HIDDEN_TEXT = b"Message-ID: <inner@x>\r\n\r\npay now\r\n.\r\n"
HIDDEN = b"".join(HIDDEN_COMMANDS) + HIDDEN_TEXT
ENDS = {"LF.LF": b"\n.\n", "LF.CRLF": b"\n.\r\n", "CRLF.LF": b"\r\n.\n", "CRLF.CR": b"\r\n.\r", "CR.CRLF": b"\r.\r\n"}
FELL_FOR_IT = ("250 taken", "250 ok", "250 ok", "354 go", "250 taken too")


def outer(end: str) -> bytes:
    return b"Message-ID: <outer@x>\r\n\r\nHello" + ENDS[end]


def begun() -> Talk:
    """A session as far as 354."""
    talk = Talk().open().say("S 220 mx", "C EHLO a", "S 250-mx\r\n250 PIPELINING")
    return talk.segment(0, "PA", ENVELOPE).say("S 250 ok\r\n250 ok\r\n354 go")


def replies(talk: Talk, *lines: str) -> Talk:
    return talk.say(*(f"S {line}" for line in lines))


def in_one_segment(end: str, *said: str) -> Talk:
    return replies(begun().segment(0, "PA", outer(end) + HIDDEN), *said).say("C QUIT", "S 221 bye").close()


def with_quit_behind_it(end: str, *said: str) -> Talk:
    return replies(begun().segment(0, "PA", outer(end) + HIDDEN + b"QUIT\r\n"), *said, "221 bye").close()


def a_command_at_a_time(end: str, *said: str) -> Talk:
    """The client does not wait for replies, and knows nothing of those it gets."""
    talk = begun().segment(0, "PA", outer(end))
    for said_hidden, reply in zip((*HIDDEN_COMMANDS, HIDDEN_TEXT), said, strict=False):
        talk.say(f"S {reply}").segment(0, "PA", said_hidden)
    return talk.say(f"S {said[-1]}", "C QUIT", "S 221 bye").close()


def mail_of(analysis: Analysis) -> list[tuple[str, int, bool]]:
    return [(mail.message_id, len(mail.octets), mail.complete) for mail in mail_objects(analysis)]


def told(analysis: Analysis) -> dict[str, str]:
    (connection,) = analysis.connections
    return {finding.code: f"{finding.severity} {finding.text}" for finding in connection.findings}


Way = Callable[..., Talk]
WAYS: tuple[Way, ...] = (in_one_segment, with_quit_behind_it, a_command_at_a_time)


@pytest.mark.parametrize(
    ("way", "end"),
    # A CR at the end of what was sent so far may still get its LF.
    [(way, end) for way in WAYS for end in ENDS if (way, end) != (a_command_at_a_time, "CRLF.CR")],
)
def test_a_server_that_took_the_hidden_message_is_told_to_have_done_so(way: Way, end: str) -> None:
    analysis = watch(way(end, *FELL_FOR_IT))
    found = told(analysis)
    assert found["smuggled"] == (
        f"error smuggled: 10.0.0.2 ended the data of a message from 10.0.0.1 at {end} and took the hidden message"
    )
    assert not found.keys() & {"smtp-smuggling", "false-end-of-data", "reply-out-of-sequence", "data-before-354"}
    (connection,) = analysis.connections
    assert [transaction.sender for transaction in connection.transactions] == ["a@x", "ceo@x"]
    assert [recipient.accepted for each in connection.transactions for recipient in each.recipients] == [True, True]
    assert [name for name, _, complete in mail_of(analysis) if complete] == ["<outer@x>", "<inner@x>"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("way", [in_one_segment, with_quit_behind_it])
def test_a_server_that_did_not_fall_for_it_was_only_tempted(way: Way, end: str) -> None:
    analysis = watch(way(end, "250 taken"))
    found = told(analysis)
    assert "SMTP smuggling attempt" in found["smtp-smuggling"]
    assert not found.keys() & {"smuggled", "data-ended-early"}
    (connection,) = analysis.connections
    assert [transaction.sender for transaction in connection.transactions] == ["a@x"]
    assert [name for name, _, _ in mail_of(analysis)] == ["<outer@x>"]


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_refuses_the_hidden_command_refuses_that_and_no_other(way: Way) -> None:
    analysis = watch(way("LF.CRLF", "250 taken", "500 what", "500 what", "500 what", *["500 what"] * 4))
    found = told(analysis)
    assert "smuggled" not in found
    assert "10.0.0.2 ended the data of a message from 10.0.0.1 at LF.CRLF" in found["data-ended-early"]
    assert not any("refused QUIT" in text for text in found.values())


def test_a_server_that_obeys_a_hidden_command_but_takes_no_message_is_told_to_have_obeyed_it() -> None:
    said = ("250 taken", "250 ok", "550 5.1.1 no such user", "503 5.5.1 no recipient", *["500 what"] * 4)
    found = told(watch(with_quit_behind_it("LF.LF", *said)))
    assert "at LF.LF and obeyed the hidden MAIL" in found["smuggled"]


def test_a_client_that_ends_all_lines_with_lf_hides_nothing() -> None:
    talk = Talk().open().say("S 220 mx").segment(0, "PA", b"HELO a\n").say("S 250 mx")
    for said in (b"MAIL FROM:<a@x>\n", b"RCPT TO:<b@y>\n"):
        talk.segment(0, "PA", said).say("S 250 ok")
    talk.segment(0, "PA", b"DATA\n").say("S 354 go").segment(0, "PA", b"Subject: x\n\nhi\n.\n").say("S 250 taken")
    talk.segment(0, "PA", b"MAIL FROM:<c@x>\n").say("S 250 ok").segment(0, "PA", b"QUIT\n").say("S 221 bye").close()
    found = told(watch(talk))
    assert "smuggled" not in found
    assert found["data-ended-early"].startswith("warning ")


def test_a_server_that_answers_a_tempting_message_and_hangs_up_has_not_shown_what_it_did() -> None:
    talk = begun().segment(0, "PA", outer("LF.LF") + HIDDEN).say("S 250 taken", "S 421 closing").close()
    assert "smuggled" not in told(watch(talk))


def test_what_follows_a_tempting_message_in_good_order_trusts_the_server() -> None:
    talk = begun().segment(0, "PA", outer("LF.LF") + HIDDEN).say("S 250 taken").segment(0, "PA", ENVELOPE)
    talk.say("S 250 ok\r\n250 ok\r\n354 go", "C hi\r\n.", "S 250 taken", "C QUIT", "S 221 bye").close()
    analysis = watch(talk)
    assert "smuggled" not in told(analysis)
    (connection,) = analysis.connections
    assert [transaction.sender for transaction in connection.transactions] == ["a@x", "a@x"]
