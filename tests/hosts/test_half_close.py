"""Clients that have said all they have to say, and still listen (RFC 9293 §3.6): they hear everything."""

from __future__ import annotations

import socket

import pytest

from testbed.scenario.faults import DialogueFault
from tests.patience import HANG_S

from .conftest import Serve
from .test_smtp_server import GREETING, TO_CAROL, codes

BEGINNING = GREETING + TO_CAROL + b"DATA\r\n"
END = b"Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n"


def heard_behind_fin(port: int, beginning: bytes, until: bytes, end: bytes) -> bytes:
    """What a client hears that waits for one reply, says the rest and FIN in one segment, and listens to the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_S) as sock:
        sock.sendall(beginning)
        said = b""
        while until not in said:
            said += sock.recv(65_536)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        sock.sendall(end)
        sock.shutdown(socket.SHUT_WR)
        while part := sock.recv(65_536):
            said += part
    return said


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [{"on": "message", "then": "drip", "pace": "2ms"}],
        [{"on": "message", "reply": "250 2.0.0 At last", "then": "drip", "pace": "2ms"}],
        [{"on": "QUIT", "then": "drip", "pace": "2ms"}],
        [{"on": "message", "then": "drip", "pace": "2ms"}, {"on": "QUIT", "then": "drip", "pace": "2ms"}],
    ],
    ids=str,
)
def test_replies_come_behind_the_clients_fin(serve: Serve, faults: list[dict[str, str]]) -> None:
    server = serve(*(DialogueFault.model_validate({"at": "someschool.edu", **fault}) for fault in faults))
    said = heard_behind_fin(server.port, BEGINNING, b"354", END)
    assert codes(said) == ["220", "250", "250", "250", "354", "250", "221"]
    assert len(server.messages("carol")) == (0 if faults and "reply" in faults[0] else 1)


def test_a_message_that_ends_with_fin_before_its_dot_is_not_taken(serve: Serve) -> None:
    server = serve()
    said = heard_behind_fin(server.port, BEGINNING, b"354", b"Subject: x\r\n\r\nhello\r\n")
    assert codes(said) == ["220", "250", "250", "250", "354"]
    assert server.messages("carol") == []


@pytest.mark.parametrize("then", ["stall", "close", "reset"])
def test_a_server_that_is_to_say_nothing_ends_with_its_client(serve: Serve, then: str) -> None:
    server = serve(DialogueFault.model_validate({"at": "someschool.edu", "on": "QUIT", "then": then}))
    try:
        said = heard_behind_fin(server.port, BEGINNING, b"354", END)
    except ConnectionResetError:
        assert then == "reset"
    else:
        assert codes(said)[-2:] == ["354", "250"]
    assert len(server.messages("carol")) == 1


def test_readers_hear_everything_too(serve: Serve) -> None:
    server = serve()
    said = heard_behind_fin(server.pop3, b"USER carol\r\n", b"+OK", b"PASS secret\r\nSTAT\r\nQUIT\r\n")
    assert said.count(b"+OK") == 5
    said = heard_behind_fin(server.imap, b"", b"* OK", b"a LOGIN carol secret\r\nb SELECT INBOX\r\nc LOGOUT\r\n")
    assert all(b"\r\n%c OK" % tag in said for tag in b"abc")
