"""What comes behind the agreement to TLS of POP3, IMAP and ManageSieve need not be TLS either."""

from __future__ import annotations

import pytest
from talk import Talk, watch

_HELLO = b"\x16\x03\x01\x00\x60\x01\x00\x00\x5c\x03\x03" + bytes(90)
_ANSWER = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(36)
AGREED = {
    110: ("S +OK ready", "C STLS", "S +OK begin"),
    143: ("S * OK ready", "C a STARTTLS", "S a OK begin"),
    4190: ('S "SIEVE" "fileinto"\r\n"STARTTLS"\r\nOK', "C STARTTLS", "S OK begin"),
}
GOES_ON = {
    110: ("C USER bob", "S +OK", "C PASS x", "S +OK", "C STAT", "S +OK 2 300", "C QUIT", "S +OK bye"),
    143: ("C b LOGIN bob x", "S b OK in", "C c SELECT INBOX", "S * 2 EXISTS\r\nc OK done", "C d LOGOUT", "S d OK bye"),
    4190: ('S "SIEVE" "fileinto"\r\nOK', "C LISTSCRIPTS", 'S "one"\r\n"two"\r\nOK', "C LOGOUT", "S OK bye"),
}
OUTCOMES = {
    110: "in clear after TLS was agreed on, logged in as bob, 2 listed",
    143: "in clear after TLS was agreed on, logged in as bob, 2 listed",
    4190: "in clear after TLS was agreed on, 2 listed",
}


def agreed(port: int, *, v6: bool = False) -> Talk:
    return Talk(server_port=port, v6=v6).open().say(*AGREED[port])


@pytest.mark.parametrize("v6", [False, True])
@pytest.mark.parametrize("port", AGREED)
def test_a_dialogue_that_goes_on_in_clear_is_followed(port: int, v6: bool) -> None:
    analysis = watch(agreed(port, v6=v6).say(*GOES_ON[port]).close())
    (connection,) = analysis.connections
    assert connection.outcome == OUTCOMES[port]
    codes = [finding.code for finding in analysis.findings]
    assert "clear-behind-starttls" in codes
    assert set(codes) <= {"clear-behind-starttls", "credentials-in-clear"}


def test_passwords_are_masked_there_too() -> None:
    for port in (110, 143):
        (connection,) = watch(agreed(port).say(*GOES_ON[port]).close()).connections
        said = " ".join(e.command.argument for e in connection.exchanges if e.command is not None)
        assert "********" in said
        assert " x" not in said


@pytest.mark.parametrize("port", [25, 110, 143])
def test_a_command_may_come_in_pieces(port: int) -> None:
    if port == 25:
        talk = Talk().open().say("S 220 mx", "C EHLO a", "S 250-mx\r\n250 STARTTLS", "C STARTTLS", "S 220 go")
        talk.segment(0, "PA", b"E").segment(0, "PA", b"HLO a\r\n").say("S 250 mx", "C MAIL FROM:<a@x>", "S 250 ok")
    else:
        first, *rest = GOES_ON[port]
        octets = first[2:].encode() + b"\r\n"
        talk = agreed(port).segment(0, "PA", octets[:1]).segment(0, "PA", octets[1:]).say(*rest)
    assert "clear-behind-starttls" in {finding.code for finding in watch(talk.close()).findings}


@pytest.mark.parametrize("port", AGREED)
def test_a_capture_may_end_before_tls_began(port: int) -> None:
    analysis = watch(agreed(port))
    (finding,) = analysis.findings
    assert finding.text == "10.0.0.2 agreed to TLS with 10.0.0.1; the capture ends before it began"
    assert analysis.connections[0].outcome.startswith("TLS was agreed on, and the capture ends there")


@pytest.mark.parametrize("port", AGREED)
def test_a_server_that_hangs_up_instead(port: int) -> None:
    (finding,) = watch(agreed(port).segment(1, "FA").segment(0, "FA")).findings
    assert (finding.code, "5321" in finding.reference) == ("tls-cut-off", False)


@pytest.mark.parametrize("port", AGREED)
def test_a_client_that_never_begins_is_not_kept_waiting(port: int) -> None:
    (finding,) = watch(agreed(port).close()).findings
    assert (finding.code, "5321" in finding.reference) == ("tls-not-begun", False)


@pytest.mark.parametrize("port", AGREED)
def test_tls_is_nothing_to_remark_on(port: int) -> None:
    analysis = watch(agreed(port).segment(0, "PA", _HELLO).segment(1, "PA", _ANSWER).close())
    assert analysis.findings == ()
    assert analysis.connections[0].outcome == "encrypted from there on"
