"""What comes behind the reply to STARTTLS need not be TLS."""

from __future__ import annotations

import pytest
from talk import Talk, watch

_AGREED = ("S 220 mx", "C EHLO a", "S 250-mx\r\n250 STARTTLS", "C STARTTLS", "S 220 go")
_MAIL = ("C MAIL FROM:<a@b.example>", "S 250 ok", "C RCPT TO:<c@d.example>", "S 250 ok", "C DATA", "S 354 go")
_END = ("C Subject: x\r\n\r\nHi\r\n.", "S 250 taken", "C QUIT", "S 221 bye")
_HELLO = b"\x16\x03\x01\x00\x60\x01\x00\x00\x5c\x03\x03" + bytes(90)
_ANSWER = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(36)


def agreed(command: str = "STARTTLS") -> Talk:
    return Talk().open().say(*(line.replace("STARTTLS", command) for line in _AGREED))


def test_a_dialogue_that_goes_on_in_clear_is_followed() -> None:
    analysis = watch(agreed().say("C EHLO a", "S 250 mx", *_MAIL, *_END).close())
    (connection,) = analysis.connections
    assert connection.outcome == "mail for c@d.example: taken"
    (finding,) = analysis.findings
    assert finding.text.startswith("plain text after STARTTLS: 10.0.0.2 agreed to TLS, and both went on in clear")


def test_a_refusal_in_clear_is_told_too() -> None:
    analysis = watch(agreed().say("C EHLO a", "S 250 mx", *_MAIL, "C Hi\r\n.", "S 550 5.7.1 spam").close())
    assert {finding.code for finding in analysis.findings} == {"not-authorised", "clear-behind-starttls", "no-quit"}


def test_a_capture_may_end_before_tls_began() -> None:
    analysis = watch(agreed())
    (finding,) = analysis.findings
    assert finding.text == "10.0.0.2 agreed to TLS with 10.0.0.1; the capture ends before it began"
    assert "encrypted" not in analysis.connections[0].outcome


@pytest.mark.parametrize("command", ["STARTTLS", "X-ANONYMOUSTLS"])
def test_tls_is_nothing_to_remark_on(command: str) -> None:
    analysis = watch(agreed(command).segment(0, "PA", _HELLO).segment(1, "PA", _ANSWER).close())
    assert analysis.findings == ()
    assert analysis.connections[0].outcome == f"encrypted after {command}"
