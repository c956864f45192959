"""Two that do not speak the same: told in one sentence, and nothing else is made of what they say."""

from __future__ import annotations

import pytest
from talk import Talk, watch
from test_glance import differences

_RANDOM = b"\n\xf3*ab\r\nQ" * 4
_HELLO = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03" + _RANDOM + b"\x00\x00\x02\x13\x01\x01\x00"
_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"


def to(port: int) -> Talk:
    return Talk(server_port=port).open()


def waiting(port: int) -> Talk:
    """Nothing is said for three seconds."""
    talk = to(port)
    for _ in range(300):
        talk.packets.append(talk.packets[-1].copy())
    return talk.close()


MISMATCHES = {
    "TLS before a greeting of SMTP": (
        to(587).segment(0, "PA", _HELLO).say("S 220 mx", "S 554 SMTP synchronization error").close(),
        "10.0.0.1 began with TLS at once, but 10.0.0.2 speaks plain text on port 587: use STARTTLS there, or the port "
        "for implicit TLS; it answered 554 SMTP synchronization error",
    ),
    "TLS behind a greeting of SMTP": (
        to(25).say("S 220 mx").segment(0, "PA", _HELLO).say("S 500 5.5.1 what").segment(0, "RA"),
        "10.0.0.1 began with TLS at once, but 10.0.0.2 speaks plain text on port 25: use STARTTLS there, or the port "
        "for implicit TLS; it answered 500 5.5.1 what",
    ),
    "TLS to IMAP": (
        to(143).say("S * OK hello").segment(0, "PA", _HELLO).say("S * BAD what").close(),
        "10.0.0.1 began with TLS at once, but 10.0.0.2 speaks plain text on port 143: use STARTTLS there, or the port "
        "for implicit TLS",
    ),
    "SMTP to a port of TLS": (
        to(465).say("C EHLO a").segment(1, "PA", _ALERT).close(),
        "on port 465 TLS begins at once, but 10.0.0.1 spoke plain text to 10.0.0.2, which answered with a TLS alert",
    ),
    "POP3 to a port of TLS": (
        to(995).say("C CAPA").close(),
        "on port 995 TLS begins at once, but 10.0.0.1 spoke plain text to 10.0.0.2",
    ),
    "HTTP to SMTP": (
        to(25).say("S 220 mx", "C GET / HTTP/1.1\r\nHost: mx\r\n", "S 502 what", "S 502 what", "S 500 what").close(),
        "10.0.0.1 speaks HTTP to 10.0.0.2 port 25, which expects SMTP",
    ),
}


UNKNOWN = {
    "an old hello": b"\x80\x2e\x01\x03\x01\x00\x15",
    "octets": bytes(range(128, 200)),
    "half a hello": _HELLO[:20],
    "no whole line": b"EHL",
}


@pytest.mark.parametrize("octets", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_no_text_is_not_called_so(octets: bytes) -> None:
    assert "plain-to-tls-port" not in {f.code for f in watch(to(465).segment(0, "PA", octets).close()).findings}


@pytest.mark.parametrize(
    ("port", "line"), [(465, "C EHLO a"), (993, "C a LOGIN x y"), (995, "C USER x"), (443, "C GET / HTTP/1.1\r\n")]
)
def test_whatever_is_said_in_clear_to_a_port_of_tls_is_told(port: int, line: str) -> None:
    assert [finding.code for finding in watch(to(port).say(line).close()).findings] == ["plain-to-tls-port"]


@pytest.mark.parametrize(("talk", "sentence"), MISMATCHES.values(), ids=MISMATCHES.keys())
def test_it_is_the_only_finding(talk: Talk, sentence: str) -> None:
    analysis = watch(talk)
    assert [finding.text for finding in analysis.findings] == [sentence]
    assert differences(analysis, analysis.summary()) == []


def test_octets_of_tls_are_no_commands() -> None:
    (connection,) = watch(MISMATCHES["TLS behind a greeting of SMTP"][0]).connections
    assert [e.command.verb if e.command else "" for e in connection.exchanges] == ["connect", ""]


def test_both_wait_where_the_client_should_begin_with_tls() -> None:
    analysis = watch(waiting(465))
    assert [finding.text for finding in analysis.findings if finding.code == "plain-to-tls-port"] == [
        "on port 465 TLS begins at once, but 10.0.0.1 did not begin with it, as if it waited for a greeting in clear; "
        "it and 10.0.0.2 said nothing for 3.05 s"
    ]
    assert differences(analysis, analysis.summary()) == []


def test_a_connection_that_is_only_opened_and_closed_says_nothing() -> None:
    assert watch(to(465).close()).findings == ()


def test_whoever_speaks_tls_to_a_port_of_tls_is_right() -> None:
    answer = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(36)
    assert watch(to(465).segment(0, "PA", _HELLO).segment(1, "PA", answer).close()).findings == ()
