"""A fault that says what an IMAP server says anyway is told of; to know it, the server does nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed.scenario.faults import DialogueFault
from tests.hosts.conftest import Running, Serve
from tests.hosts.test_reading import ONE, TWO, put
from tests.patience import HANG_S

LOGIN, SELECT = "LOGIN gus opensesame", "SELECT INBOX"
LONG = "x" * 20_480

_UNKNOWN, _MISSING = "NO [NONEXISTENT] Mailbox does not exist.", "NO [TRYCREATE] Mailbox does not exist."
_WRONG = "NO [AUTHENTICATIONFAILED] Invalid authentication credentials."
_SASL = "AUTHENTICATE PLAIN\r\nAGd1cwB"

ANYWAY: dict[str, tuple[tuple[str, ...], str]] = {
    "a wrong password": (("LOGIN gus wrong",), _WRONG),
    "an unknown user": (("LOGIN nobody opensesame",), _WRONG),
    "a wrong password in SASL": ((_SASL + "3cm9uZw==",), _WRONG),
    "not logged in": (("SELECT INBOX",), "BAD SELECT: Must authenticate first."),
    "no mailbox selected": ((LOGIN, "FETCH 1 (FLAGS)"), "BAD FETCH: Must select a mailbox first."),
    "no such folder": ((LOGIN, "SELECT Nowhere"), _UNKNOWN),
    "no such folder to look at": ((LOGIN, "EXAMINE Nowhere"), _UNKNOWN),
    "no such folder to ask about": ((LOGIN, "STATUS Nowhere (MESSAGES)"), _UNKNOWN),
    "no folder to append to": ((LOGIN, "APPEND Nowhere {3+}\r\nabc"), _MISSING),
    "no folder to copy to": ((LOGIN, SELECT, "COPY 1 Nowhere"), _MISSING),
    "no folder to move to": ((LOGIN, SELECT, "MOVE 1 Nowhere"), _MISSING),
    "over quota": ((LOGIN, f"APPEND INBOX {{{len(LONG)}+}}\r\n{LONG}"), "NO [OVERQUOTA] The mailbox is full."),
    "only looked at": (
        (LOGIN, "EXAMINE INBOX", "STORE 1 +FLAGS (\\Seen)"),
        "NO [READ-ONLY] Mailbox is read-only.",
    ),
    "nothing to do": ((LOGIN, "NOOP"), "OK NOOP completed."),
    "nothing to expunge": ((LOGIN, SELECT, "EXPUNGE"), "OK EXPUNGE completed."),
}

OTHERWISE: dict[str, tuple[tuple[str, ...], str]] = {
    "other words": (("LOGIN gus wrong",), "NO [AUTHENTICATIONFAILED] No."),
    "another condition": (("LOGIN gus wrong",), _WRONG.replace("NO", "BAD")),
    "log in": ((LOGIN,), _WRONG),
    "log in by SASL": ((_SASL + "vcGVuc2VzYW1l",), _WRONG),
    "select": ((LOGIN, SELECT), _UNKNOWN),
    "select, it says": ((LOGIN, SELECT), "OK [READ-WRITE] Selected mailbox."),
    "append": ((LOGIN, "APPEND INBOX {3+}\r\nabc"), "NO [OVERQUOTA] The mailbox is full."),
    "append, it says": ((LOGIN, "APPEND INBOX {3+}\r\nabc"), "OK [APPENDUID 1767603600 3] APPEND completed."),
    "copy": ((LOGIN, SELECT, "COPY 1:2 Archive"), _MISSING),
    "copy, it says": ((LOGIN, SELECT, "COPY 1:2 Archive"), "OK [COPYUID 1767603600 1:2 1:2] COPY completed."),
    "move": ((LOGIN, SELECT, "MOVE 1:2 Archive"), _MISSING),
    "move, it says": ((LOGIN, SELECT, "MOVE 1:2 Archive"), "OK MOVE completed."),
    "flag, it says": ((LOGIN, SELECT, "STORE 1 +FLAGS (\\Deleted)"), "OK STORE completed."),
    "close, it says": ((LOGIN, SELECT, "CLOSE"), "OK CLOSE completed."),
    "read": ((LOGIN, SELECT, "FETCH 1:2 (BODY[])"), "NO [EXPUNGEISSUED] Gone."),
    "read, it says": ((LOGIN, SELECT, "FETCH 1:2 (BODY.PEEK[])"), "OK FETCH completed."),
    "search, it says": ((LOGIN, SELECT, "SEARCH ALL"), "OK SEARCH completed."),
}


@contextmanager
def _connected(running: Running) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", running.imap), timeout=HANG_S) as client:
        _heard(client, b"*")
        yield client


def _heard(client: socket.socket, tag: bytes) -> bytes:
    """Hear a whole reply; give its last line without the tag."""
    heard = b""
    while not heard.endswith(b"\r\n") or not heard.splitlines()[-1].startswith(tag):
        piece = client.recv(65_536)
        assert piece, f"the server hung up after {heard!r}"
        heard += piece
    return heard.splitlines()[-1].removeprefix(tag + b" ")


def _say(client: socket.socket, number: int, command: str) -> str:
    client.sendall(b"a%d %b\r\n" % (number, command.encode()))
    return _heard(client, b"a%d" % number).decode()


def _staged(serve: Serve, commands: tuple[str, ...], reply: str) -> Running:
    """A server where a fault has answered the last of these commands."""
    stage = f"IMAP {commands[-1].split()[0]}"
    running = serve(DialogueFault.model_validate({"at": "someschool.edu", "on": stage, "reply": reply}))
    put(running, "gus", ONE, TWO)
    with _connected(running) as client:
        for number, command in enumerate(commands):
            heard = _say(client, number, command)
    assert heard == reply
    return running


@pytest.mark.parametrize(("commands", "reply"), ANYWAY.values(), ids=ANYWAY.keys())
def test_what_it_says_anyway_changes_nothing(serve: Serve, commands: tuple[str, ...], reply: str) -> None:
    assert _staged(serve, commands, reply).vain == ["someschool.edu says so anyway"]


@pytest.mark.parametrize(("commands", "reply"), OTHERWISE.values(), ids=OTHERWISE.keys())
def test_what_would_have_been_done_is_left_out_and_that_is_a_change(
    serve: Serve, commands: tuple[str, ...], reply: str
) -> None:
    running = _staged(serve, commands, reply)
    assert running.vain == [""]
    box = running.post_office.mailboxes["gus@someschool.edu"]
    inbox = box.folder()
    assert [(inbox.read(key), inbox.flags(key)) for key in inbox.keys()] == [(ONE, ""), (TWO, "")]  # noqa: SIM118
    assert box.folder("Archive").keys() == []


def test_a_greeting_may_be_another_and_lets_clients_go_on(serve: Serve) -> None:
    said = {"at": "someschool.edu", "on": "IMAP connect", "reply": "OK Welcome"}
    running = serve(DialogueFault.model_validate(said))
    with socket.create_connection(("127.0.0.1", running.imap), timeout=HANG_S) as client:
        assert _heard(client, b"*") == b"OK Welcome"
        assert _say(client, 1, LOGIN).startswith("OK")
    assert running.vain == [""]


def test_the_usual_greeting_changes_nothing(serve: Serve) -> None:
    with socket.create_connection(("127.0.0.1", serve().imap), timeout=HANG_S) as client:
        usual = _heard(client, b"*").decode()
    running = serve(DialogueFault.model_validate({"at": "someschool.edu", "on": "IMAP connect", "reply": usual}))
    with _connected(running):
        assert running.vain == ["someschool.edu says so anyway"]
