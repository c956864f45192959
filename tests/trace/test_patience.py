"""Who waits how long: a client that goes on before a reply that came in time, and a server that draws replies out."""

from __future__ import annotations

import pytest
from timed import TimedTalk, watch_timed

from testbed.trace.model.finding import Severity

_ENVELOPE = (
    "S 220 mx", "C EHLO a", "S 250-mx\r\n250-PIPELINING\r\n250 CHUNKING", "C MAIL FROM:<a@x>", "S 250 ok",
    "C RCPT TO:<b@y>", "S 250 ok",
)  # fmt: skip
_MESSAGE = "C Message-ID: <1@x>\r\n\r\nhi\r\n."


def enveloped(port: int = 25, *, v6: bool = False, number: int = 40_000) -> TimedTalk:
    talk = TimedTalk(port=number, server_port=port, v6=v6).open()
    talk.say(*_ENVELOPE)
    return talk


def sent(port: int = 25, *, v6: bool = False, number: int = 40_000) -> TimedTalk:
    talk = enveloped(port, v6=v6, number=number)
    talk.say("C DATA", "S 354 go", _MESSAGE)
    return talk


def codes(talk: TimedTalk) -> list[str]:
    return [finding.code for finding in watch_timed(talk).findings]


def said_after(seconds: float, *lines: str) -> TimedTalk:
    talk = sent().wait(seconds)
    talk.say(*lines)
    return talk


@pytest.mark.parametrize(("port", "v6"), [(25, False), (587, False), (2525, True)])
@pytest.mark.parametrize("act", ["QUIT", "MAIL FROM:<a@x>", "RSET"])
def test_a_client_that_goes_on_before_the_reply_to_its_message(act: str, port: int, v6: bool) -> None:
    talk = sent(port, v6=v6).wait(10)
    talk.say(f"C {act}")
    talk.wait(3).say("S 250 2.0.0 queued", "S 221 bye").close()
    (finding,) = [one for one in watch_timed(talk).findings if one.code == "client-impatient"]
    assert "waited only 10 s for the reply to the message and went on with " + act.split()[0] in finding.text
    assert "it came after 13 s, and clients should wait 10 minutes" in finding.text
    assert (finding.severity, finding.reference) == (Severity.WARNING, "RFC 5321 §4.5.3.2.6")


def test_a_client_that_left_before_the_reply_has_not_heard_it() -> None:
    left = sent().wait(60).segment(0, "FA").segment(1, "A")
    left.wait(5).say("S 250 2.0.0 queued as 1").segment(0, "R")
    again = sent(number=40_001)
    again.say("S 250 2.0.0 queued as 2", "C QUIT", "S 221 bye").close()
    analysis = watch_timed(left, again)
    texts = {finding.code: finding.text for finding in analysis.findings}
    assert "waited only 60 s for the reply to the message and left; it came after 65 s" in texts["client-impatient"]
    assert texts["duplicate-possible"].startswith("<1@x> was sent to 10.0.0.2 2 times for b@y")


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_client_that_gives_up_on_the_envelope(verb: str) -> None:
    talk = TimedTalk().open()
    talk.say(*(_ENVELOPE[:4] if verb == "MAIL" else _ENVELOPE[:6]))
    talk.wait(20).say("C QUIT")
    talk.wait(5).say("S 250 ok", "S 221 bye").close()
    (finding,) = [one for one in watch_timed(talk).findings if one.code == "client-impatient"]
    assert f"waited only 20 s for the reply to {verb} and went on with QUIT; it came after 25 s" in finding.text


PATIENT = {
    "the reply comes in time": said_after(30, "S 250 ok", "C QUIT", "S 221 bye"),
    "what was sent in one flight did not wait at all": said_after(0, "C QUIT").wait(5).say("S 250 ok", "S 221 bye"),
    "it waited long enough": said_after(601, "C QUIT").wait(60).say("S 250 ok", "S 221 bye"),
    "its timer began before its message was on the wire": said_after(599.5, "C QUIT").wait(60).say(
        "S 250 ok", "S 221 bye"),
    "pipelined recipients do not wait": TimedTalk().open().say(*_ENVELOPE[:4]).wait(3).say(
        "C RCPT TO:<b@y>").wait(3).say("S 250 ok", "S 250 ok", "C QUIT", "S 221 bye"),
}  # fmt: skip


@pytest.mark.parametrize("talk", PATIENT.values(), ids=PATIENT)
def test_a_patient_client(talk: TimedTalk) -> None:
    assert "client-impatient" not in codes(talk)


def chunks(number: int, seconds: float) -> TimedTalk:
    talk = enveloped()
    for _ in range(number):
        talk.segment(0, "PA", b"BDAT 4\r\nhi\r\n").wait(seconds).say("S 250 ok")
    return talk


def test_a_server_that_draws_every_reply_out() -> None:
    talk = chunks(10, 5).segment(0, "PA", b"BDAT 4\r\nhi\r\n").wait(1).segment(0, "RA")
    (connection,) = watch_timed(talk).connections
    assert connection.outcome == "mail for b@y: message cut off; reset by client"
    texts = {finding.code: finding.text for finding in connection.findings}
    assert texts["server-draws-out"] == (
        "10.0.0.2 took at least 5 s for each of 10 replies to BDAT, 50 s in total; 10.0.0.1 gave up"
    )
    assert "no-reply" not in texts


def test_a_slow_server_whose_client_waits_is_nothing_to_remark_on() -> None:
    talk = chunks(10, 5)
    talk.say("C BDAT 0 LAST", "S 250 ok", "C QUIT", "S 221 bye").close()
    assert codes(talk) == []


def test_a_last_chunk_that_nobody_answered_was_sent() -> None:
    talk = enveloped().segment(0, "PA", b"BDAT 4 LAST\r\nhi\r\n").wait(2).segment(0, "RA")
    (connection,) = watch_timed(talk).connections
    assert connection.outcome == "mail for b@y: message sent, no reply; reset by client"


def test_a_client_that_takes_its_mail_back() -> None:
    talk = enveloped()
    talk.say("C RSET", "S 250 ok", *_ENVELOPE[3:], "C DATA", "S 354 go", _MESSAGE, "S 250 ok", "C QUIT", "S 221 bye")
    (connection,) = watch_timed(talk.close()).connections
    assert connection.outcome == "mail for b@y: given up by the client (RSET); mail for b@y: taken"
    assert connection.findings == ()


def test_a_server_that_takes_mail_inside_a_transaction_has_kept_its_recipients() -> None:
    talk = enveloped()
    talk.say("C MAIL FROM:<c@x>", "S 250 ok", "C DATA", "S 354 go", _MESSAGE, "S 250 ok", "C QUIT", "S 221 bye")
    (connection,) = watch_timed(talk.close()).connections
    assert connection.outcome == "mail for b@y: taken"
    assert [finding.code for finding in connection.findings] == ["nested-mail"]


def test_mail_that_was_taken_before_is_no_try_of_one_that_was_cut_off() -> None:
    talk = sent()
    talk.say("S 250 ok", *_ENVELOPE[3:], "C DATA", "S 354 go").segment(0, "PA", b"Sub").segment(0, "FA").segment(
        1, "FA"
    )
    codes_ = {finding.code for finding in watch_timed(talk).findings}
    assert "message-cut-off" in codes_
    assert "delivery-retried" not in codes_
