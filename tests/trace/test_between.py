"""What stands between a client and a server: a proxy that names the true client, a firewall that rewrites."""

from __future__ import annotations

import pytest
from talk import Talk, watch

_HELLO = ("S 220 mx ESMTP", "C EHLO a", "S 250-mx\r\n250 XCLIENT ADDR NAME")
_MAIL = (
    "C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok", "C DATA", "S 354 go", "C hi\r\n.", "S 250 ok",
    "C QUIT", "S 221 bye",
)  # fmt: skip
TOLD = {
    "XCLIENT ADDR=203.0.113.7 NAME=client.example": "203.0.113.7 (client.example)",
    "XCLIENT NAME=client.example ADDR=IPV6:2001:db8::7 PROTO=ESMTP": "2001:db8::7 (client.example)",
    "XCLIENT ADDR=203.0.113.7 NAME=[UNAVAILABLE]": "203.0.113.7",
    "xclient addr=203.0.113.7 name=a+2Bb.example": "203.0.113.7 (a+b.example)",
}


@pytest.mark.parametrize(("port", "v6"), [(25, False), (10_025, True)])
@pytest.mark.parametrize(("command", "whose"), TOLD.items())
def test_xclient_names_the_true_client(command: str, whose: str, port: int, v6: bool) -> None:
    talk = Talk(server_port=port, v6=v6).open()
    talk.say(*_HELLO, f"C {command}", "S 220 mx ESMTP", "C EHLO a", "S 250 mx", *_MAIL).close()
    (connection,) = watch(talk).connections
    assert connection.outcome == "mail for b@y: taken"
    (finding,) = connection.findings
    assert finding.text.endswith(f"whose mail this is: that of {whose}, the true client")


def test_xforward_does_too() -> None:
    talk = Talk().open().say(*_HELLO, "C XFORWARD NAME=c.example ADDR=203.0.113.7", "S 250 ok")
    talk.say("C XFORWARD PROTO=ESMTP HELO=c.example", "S 250 ok", *_MAIL).close()
    (finding,) = watch(talk).findings
    assert "whose mail this is: that of 203.0.113.7 (c.example), the true client" in finding.text


def test_xclient_that_is_refused_names_nobody() -> None:
    talk = Talk().open().say(*_HELLO, "C XCLIENT ADDR=203.0.113.7", "S 550 5.7.1 no", *_MAIL).close()
    assert "speaks-for-another" not in {finding.code for finding in watch(talk).findings}


_MASK = "*" * 30 + "2****20**0"
REWRITTEN: dict[str, tuple[tuple[str, ...], str]] = {
    "at the client": (
        (f"S 220 {_MASK}", "C EHLO a", 'S 500 #5.5.1 command unrecognized: "XXXX a"', "C HELO a", "S 250 mx"),
        "the greeting is masked with asterisks, EHLO arrived as XXXX",
    ),
    "at the server": (
        ("S 220 mx ESMTP", "C XXXX a", "S 500 what", "C HELO a", "S 250 mx"), "a command arrived as XXXX",
    ),
    "what is offered": (
        ("S 220 mx ESMTP", "C EHLO a", "S 250-mx\r\n250-PIPELINING\r\n250-XXXXXXXA\r\n250 XXXB"),
        "what the server offers is masked",
    ),
    "greeting alone": ((f"S 220 {_MASK} ", "C HELO a", "S 250 mx"), "the greeting is masked with asterisks"),
}  # fmt: skip


@pytest.mark.parametrize("port", [25, 587])
@pytest.mark.parametrize(("hello", "how"), REWRITTEN.values(), ids=REWRITTEN)
def test_a_firewall_that_rewrites_is_told(hello: tuple[str, ...], how: str, port: int) -> None:
    analysis = watch(Talk(server_port=port).open().say(*hello, *_MAIL).close())
    assert analysis.connections[0].outcome == "mail for b@y: taken"
    (finding,) = [one for one in analysis.findings if one.code == "dialogue-rewritten"]
    assert f"as firewalls that inspect SMTP do: {how}; extensions" in finding.text


ORDINARY = (
    ("S 220 mx *** no spam ***", "C EHLO a", "S 250-mx\r\n250-XXX\r\n250 XEXCH50"),
    ("S 220 mx", "C XEXCH50 1 2", "S 500 what", "C HELO a", "S 250 mx"),
)


@pytest.mark.parametrize("hello", ORDINARY)
def test_what_is_not_rewritten(hello: tuple[str, ...]) -> None:
    assert "dialogue-rewritten" not in {f.code for f in watch(Talk().open().say(*hello, *_MAIL).close()).findings}
