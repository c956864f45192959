"""Mail through a tunnel of a proxy is mail, and whom it goes to is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk, watch
from test_glance import differences

from testbed.protocols.tunnels import Tunnel, parse_tunnel
from testbed.trace.mail_objects import mail_objects

_NAME = b"\x0amx.example"
_PORT = b"\x00\x19"
Opening = tuple[tuple[int, bytes], ...]
OPENINGS: dict[str, tuple[int, Opening, str]] = {
    "SOCKS 5, by name": (1080, (
        (0, b"\x05\x01\x00"), (1, b"\x05\x00"), (0, b"\x05\x01\x00\x03" + _NAME + _PORT),
        (1, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
    ), "a SOCKS 5 proxy, to mx.example:25"),
    "SOCKS 5, with a password": (9050, (
        (0, b"\x05\x02\x00\x02"), (1, b"\x05\x02"), (0, b"\x01\x03bob\x06secret"), (1, b"\x01\x00"),
        (0, b"\x05\x01\x00\x01\xc0\x00\x02\x19" + _PORT), (1, b"\x05\x00\x00\x03\x01x\x00\x00"),
    ), "a SOCKS 5 proxy, to 192.0.2.25:25"),
    "SOCKS 5, IPv6": (1080, (
        (0, b"\x05\x01\x00"), (1, b"\x05\x00"),
        (0, b"\x05\x01\x00\x04" + bytes.fromhex("20010db8000000000000000000000025") + _PORT),
        (1, b"\x05\x00\x00\x04" + bytes(16) + b"\x00\x00"),
    ), "a SOCKS 5 proxy, to [2001:db8::25]:25"),
    "SOCKS 4": (1080, (
        (0, b"\x04\x01\x00\x19\xc0\x00\x02\x19bob\0"), (1, b"\x00\x5a" + bytes(6)),
    ), "a SOCKS 4 proxy, to 192.0.2.25:25"),
    "SOCKS 4a": (1080, (
        (0, b"\x04\x01\x00\x19\x00\x00\x00\x01\0mx.example\0"), (1, b"\x00\x5a" + bytes(6)),
    ), "a SOCKS 4a proxy, to mx.example:25"),
    "CONNECT": (3128, (
        (0, b"CONNECT mx.example:25 HTTP/1.1\r\nHost: mx.example:25\r\n\r\n"),
        (1, b"HTTP/1.1 200 Connection established\r\n\r\n"),
    ), "an HTTP proxy, to mx.example:25"),
    "CONNECT to a port of another kind": (8080, (
        (0, b"CONNECT mx.example:2026 HTTP/1.0\r\n\r\n"), (1, b"HTTP/1.0 200 OK\r\nVia: x\r\n\r\n"),
    ), "an HTTP proxy, to mx.example:2026"),
}  # fmt: skip
MAIL = (
    "S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok", "C DATA",
    "S 354 go", "C Subject: hi\r\n\r\nhi\r\n.", "S 250 taken", "C QUIT", "S 221 bye",
)  # fmt: skip
POP3 = ("S +OK ready", "C USER bob", "S +OK", "C QUIT", "S +OK bye")


def opened(port: int, opening: Opening, *, v6: bool = False, pieces: bool = False) -> Talk:
    talk = Talk(server_port=port, v6=v6).open()
    for side, octets in opening:
        for piece in [octets[:1], octets[1:2], octets[2:]] if pieces else [octets]:
            if piece:
                talk.segment(side, "PA", piece)
    return talk


@pytest.mark.parametrize(("v6", "pieces"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize(("port", "opening", "whom"), OPENINGS.values(), ids=OPENINGS)
def test_mail_in_a_tunnel(port: int, opening: Opening, whom: str, v6: bool, pieces: bool) -> None:
    analysis = watch(opened(port, opening, v6=v6, pieces=pieces).say(*MAIL).close())
    (connection,) = analysis.connections
    assert (connection.service, connection.outcome) == ("smtp", "mail for b@y: taken")
    (finding,) = analysis.findings
    ends = ("2001:db8::1", "2001:db8::2") if v6 else ("10.0.0.1", "10.0.0.2")
    assert finding.text == f"{ends[0]} connects through {ends[1]}: {whom}"
    assert differences(analysis, analysis.summary()) == []
    assert [found.octets for found in mail_objects(analysis)] == [b"Subject: hi\r\n\r\nhi\r\n"]


@pytest.mark.parametrize(("port", "opening", "whom"), OPENINGS.values(), ids=OPENINGS)
def test_reading_in_a_tunnel(port: int, opening: Opening, whom: str) -> None:
    to_pop3 = tuple((side, octets.replace(_PORT, b"\0\x6e").replace(b":25 ", b":110 ")) for side, octets in opening)
    (connection,) = watch(opened(port, to_pop3).say(*POP3).close()).connections
    assert connection.service == "pop3"
    assert [e.command.verb for e in connection.exchanges if e.command] == ["connect", "USER", "QUIT"]


def test_the_greeting_may_come_with_the_answer_of_the_proxy() -> None:
    port, opening, _ = OPENINGS["CONNECT"]
    talk = opened(port, opening[:1]).segment(1, "PA", opening[1][1] + b"220 mx\r\n").say(*MAIL[1:])
    assert watch(talk.close()).connections[0].outcome == "mail for b@y: taken"


REFUSED: dict[str, tuple[Opening, str]] = {
    "SOCKS 5": (
        (*OPENINGS["SOCKS 5, by name"][1][:3], (1, b"\x05\x05\x00\x01" + bytes(6))),
        "a SOCKS 5 proxy, did not connect its client to mx.example:25: the connection was refused",
    ),
    "SOCKS 5, no method": (
        ((0, b"\x05\x01\x00"), (1, b"\x05\xff")),
        "a SOCKS 5 proxy, did not connect its client: it takes none of the client's methods to log in",
    ),
    "SOCKS 5, wrong password": (
        (*OPENINGS["SOCKS 5, with a password"][1][:3], (1, b"\x01\x01")),
        "a SOCKS 5 proxy, did not connect its client: it refused name or password",
    ),
    "SOCKS 4": (
        (OPENINGS["SOCKS 4"][1][0], (1, b"\x00\x5b" + bytes(6))),
        "a SOCKS 4 proxy, did not connect its client to 192.0.2.25:25: it refused, or failed",
    ),
}


@pytest.mark.parametrize(("opening", "why"), REFUSED.values(), ids=REFUSED)
def test_a_tunnel_that_is_refused(opening: Opening, why: str) -> None:
    (finding,) = watch(opened(1080, opening).close()).findings
    assert finding.text == f"10.0.0.2, {why}"


def test_a_tunnel_for_the_web_is_left_to_http() -> None:
    talk = Talk(server_port=3128).open().segment(0, "PA", b"CONNECT www.example:443 HTTP/1.1\r\n\r\n")
    talk.segment(1, "PA", b"HTTP/1.1 200 OK\r\n\r\n").segment(0, "PA", b"\x16\x03\x01\x00\x05hello").close()
    (connection,) = watch(talk).connections
    assert connection.service == "http"
    assert [e.command.verb for e in connection.exchanges if e.command] == ["CONNECT"]


_BEGINNINGS = (b"\x05", b"\x05\x01", b"\x04\x01", b"CONNECT a:25 HTTP/1.1\r\n")


@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(_BEGINNINGS))
def test_any_octets_are_some_answer(client: bytes, server: bytes, beginning: bytes) -> None:
    found = parse_tunnel(beginning + client, server)
    if isinstance(found, Tunnel):
        assert found.octets <= (len(beginning + client), len(server))
