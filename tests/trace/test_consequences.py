"""What only follows from something else is no second fault: it stands behind its cause, and blames nobody."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP
from talk import Talk, watch

from testbed.report.trace import trace_report
from testbed.trace.analysis import Analysis
from tests.fuzz.checks import printed

HELLO = ("S 220 mx", "C EHLO a", "S 250-mx\r\n250-PIPELINING\r\n250 CHUNKING")
MAIL = ("C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok")


def told(analysis: Analysis) -> list[tuple[str, str]]:
    return [(finding.code, str(finding.severity)) for finding in analysis.findings]


def test_whoever_lost_patience_did_not_reset_for_nothing() -> None:
    talk = Talk().open().say(*HELLO, *MAIL)
    for _ in range(10):
        talk.say("C BDAT 6\r\nhell").wait(5).say("S 250 ok")
    assert told(watch(talk.segment(0, "R"))) == [("server-draws-out", "error"), ("connection-reset", "info")]


def test_a_reset_without_a_cause_stays_a_fault() -> None:
    talk = Talk().open().say(*HELLO, *MAIL, "C BDAT 6\r\nhell", "S 250 ok").segment(0, "R")
    assert ("connection-reset", "error") in told(watch(talk))


def test_a_client_out_of_step_cuts_off_its_next_message() -> None:
    talk = Talk().open().say(*HELLO, *MAIL, "C DATA", "S 354 go", "C Subject: a\r\n\r\nhi\r\n.").wait(30)
    talk.say("C MAIL FROM:<a@x>").wait(8).say("S 250 queued", "C RCPT TO:<b@y>", "S 250 ok", "C DATA", "S 250 ok")
    talk.say("S 354 go", "C QUIT").wait(5).close()
    assert told(watch(talk)) == [("client-impatient", "warning"), ("message-cut-off", "info")]


def test_what_a_forged_packet_says_blames_nobody() -> None:
    talk = Talk().open().say(*HELLO, *MAIL[:-1]).segment(1, "PA", b"551 not here\r\n")
    talk.packets[-1][IP].ttl = 41
    talk.segment(1, "RA")
    talk.packets[-1][IP].ttl = 41
    talk.next[1] -= len(b"551 not here\r\n")
    talk.segment(1, "PA", b"250 2.1.5 ok\r\n")
    talk.packets += Talk(next=[talk.next[0], 0]).segment(0, "R").packets
    analysis = watch(talk)
    (connection,) = analysis.connections
    assert told(analysis) == [
        ("octets-contradict", "error"),
        ("reset-forged", "error"),
        ("refused-for-good", "info"),
    ]
    assert analysis.findings[-1].text.endswith("the same octets also came with different content")
    assert connection.ending.by == "client"


TEXT = "\r\nFrom: a@x\r\nSubject: hi\r\n\r\nHello\r\n."


@pytest.mark.parametrize("refusal", ["554 5.5.0 synchronization error", "451 4.3.0 not now"])
def test_a_message_sent_with_data_is_no_row_of_commands(refusal: str) -> None:
    talk = Talk().open().say(*HELLO, *MAIL, f"C DATA{TEXT}", f"S {refusal}").segment(1, "FA").segment(0, "FA")
    (connection,) = watch(talk).connections
    *_, last = connection.exchanges
    assert last.command is not None
    assert [e.command.verb for e in connection.exchanges if e.command][-2:] == ["DATA", "message"]
    assert (last.command.octets, last.note) == (len(TEXT), "sent before DATA was answered")
    assert connection.outcome.startswith(f"mail for b@y: {refusal[:9]}")
    assert {finding.code for finding in connection.findings} >= {"data-before-354"}
    assert "reply-to-message-lost" not in {finding.code for finding in connection.findings}


SUBJECTS = {
    "a header without one": ("From: a@x\r\n\r\nhi\r\n.", "no Subject"),
    "a message that ended": ("From: a@x\r\n.", "no Subject"),
    "a header that broke off": ("From: a@x", "Subject not seen"),
}


@pytest.mark.parametrize(("text", "words"), SUBJECTS.values(), ids=SUBJECTS)
def test_only_a_whole_header_is_without_a_subject(text: str, words: str) -> None:
    talk = Talk().open().say(*HELLO, *MAIL, "C DATA", "S 354 go", f"C {text}").close()
    assert words in printed(trace_report, watch(talk))


def test_a_header_that_is_not_in_the_capture_may_have_a_subject() -> None:
    talk = Talk().open().say(*HELLO, *MAIL, "C DATA", "S 354 go", "C Subject: hi\r\n", "C \r\nhi\r\n.", "S 250 ok")
    del talk.packets[-3]
    assert "Subject not seen" in printed(trace_report, watch(talk.close()))


def test_handshakes_in_which_the_capture_ends_are_counted() -> None:
    flood = [Talk(port=40_000 + at).segment(0, "S") for at in range(30)]
    (finding,) = watch(*flood).findings
    assert (finding.code, finding.times, len(finding.connections)) == ("capture-ends", 30, 30)
    assert finding.text.endswith("and 29 more connections that nobody has answered so far")
    (finding,) = watch(flood[0]).findings
    assert (finding.code, finding.times) == ("capture-ends", 1)
    assert "more" not in finding.text
