"""The client of the step ``talk``: it says what is written, hears what it awaits, and tells how far it came."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.site import Site
from testbed.hosts.talking import talk
from testbed.protocols.events import Talked
from testbed.scenario.talk import TalkStep

from .conftest import Logged, Serve

HELLO = b"220 mx\r\n"


@contextmanager
def peer(*replies: bytes) -> Iterator[tuple[int, Callable[[], bytes]]]:
    """A server that says its replies, one for each time it hears something, and then listens; gives all it heard."""
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for reply in replies:
                connection.sendall(reply)
                heard.append(connection.recv(65_536))
            try:
                while heard[-1]:
                    heard.append(connection.recv(65_536))
            except ConnectionResetError:
                heard.append(b"(reset)")

    def end() -> bytes:
        thread.join(20)
        return b"".join(heard)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], end


def say(port: int, tmp_path: Path, *said: object, timeout: str = "20s", **keys: str) -> Talked:
    """Talk, and give what was logged."""
    logged = Logged()
    site = Site(
        name="mallory.example",
        addresses=("127.0.0.1",),
        directory=tmp_path,
        nameserver="127.0.0.1",
        log=logged,
        now=lambda: 0.0,
        dialogue=DialogueScript((), lambda fault, vain: None),
    )
    step = TalkStep.model_validate(
        {"from": site.name, "to": "mx", "port": port, "timeout": timeout, "say": said, **keys}
    )
    asyncio.run(talk(site, step, "127.0.0.1"))
    [talked] = logged.events
    assert isinstance(talked, Talked)
    return talked


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (("NOOP",), b"NOOP\r\n"),
        ((["NOOP", "NOOP"],), b"NOOP\r\nNOOP\r\n"),
        (({"octets": "a<LF>.<CR>.<CRLF><NUL>é\xff\x01<crlf>"}, "."), b"a\n.\r.\r\n\0\xe9\xff\x01<crlf>.\r\n"),
        (({"octets": "ab", "times": 3}, "x"), b"abababx\r\n"),
        ((["RSET", {"octets": "a\nb"}, "."],), b"RSET\r\na\nb.\r\n"),
    ],
    ids=["a line", "one breath", "octets", "again and again", "octets in a breath"],
)
def test_what_is_written_is_what_is_sent(said: tuple[object, ...], sent: bytes, tmp_path: Path) -> None:
    with peer(HELLO, b"250-one\r\n250 one\r\n250 two\r\n") as (port, heard):
        talked = say(port, tmp_path, *said)
        assert heard() == sent
    assert (talked.unsaid, talked.status) == (0, "everything was said and answered")


@pytest.mark.parametrize(("how", "last"), [("close", b""), ("reset", b"(reset)")])
def test_it_ends_as_it_is_told_to(how: str, last: bytes, tmp_path: Path) -> None:
    with peer(HELLO) as (port, heard):
        assert say(port, tmp_path, {"octets": "half a li"}, {"then": how}).unsaid == 0
        assert heard() == b"half a li" + last


def test_a_half_closed_client_listens_until_the_server_closes(serve: Serve, tmp_path: Path) -> None:
    assert say(serve().port, tmp_path, "EHLO x", {"then": "half-close"}).unsaid == 0


@pytest.mark.parametrize(
    ("replies", "said", "unsaid", "status"),
    [
        ((HELLO,), ("NOOP", "QUIT"), 2, "the reply to 'NOOP' did not come in time"),
        ((), ("NOOP",), 1, "the greeting did not come in time"),
        ((HELLO, b"x" * 70_000), ("NOOP",), 1, "the reply to 'NOOP' is an endless line"),
    ],
    ids=["no reply", "no greeting", "an endless reply"],
)
def test_it_tells_how_far_it_came(
    replies: tuple[bytes, ...], said: tuple[str, ...], unsaid: int, status: str, tmp_path: Path
) -> None:
    with peer(*(replies or (b"",))) as (port, _):
        talked = say(port, tmp_path, *said, timeout="300ms")
    assert (talked.unsaid, talked.status) == (unsaid, status)


def test_a_server_that_hangs_up_is_told_of(serve: Serve, tmp_path: Path) -> None:
    talked = say(serve().port, tmp_path, "QUIT", "NOOP", "NOOP")
    assert (talked.said, talked.unsaid) == (1, 2)
    assert talked.status == "the server hung up before the reply to 'NOOP'"


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert say(port, tmp_path, "NOOP").unsaid == 1


def test_what_was_said_in_a_silence_answers_nothing_later(tmp_path: Path) -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(HELLO + b"421 4.4.2 mx closing: idle for too long\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        talked = say(listener.getsockname()[1], tmp_path, {"wait": "300ms"}, "RSET", {"then": "close"})
        thread.join(20)
    why = "the server hung up before the reply to 'RSET', having said '421 4.4.2 mx closing: idle for too long' unasked"
    assert (talked.said, talked.status) == (1, why)


def test_what_came_before_a_line_was_said_is_no_answer_to_it(tmp_path: Path) -> None:
    with peer(HELLO, b"250 one\r\n421 4.3.2 going down\r\n", b"250 two\r\n") as (port, _):
        talked = say(port, tmp_path, "NOOP", {"wait": "100ms", "text": "421 *down"}, {"line": "NOOP", "reply": 250})
    assert talked.status == "everything was said and answered"


@pytest.mark.parametrize(
    ("keys", "answers", "said", "why"),
    [
        ({}, (HELLO, b"550 5.1.1 no\r\n"), {"line": "RCPT", "reply": "5.. 5.1.*"}, ""),
        ({}, (HELLO, b"550 no\r\n"), {"line": "X", "reply": 250}, "line 1: X was answered '550 no', expected 250"),
        ({"greeting": "554"}, (b"554 no\r\n",), {"wait": "1ms"}, ""),
        ({"greeting": "220"}, (b"554 no\r\n",), "QUIT", "the greeting was '554 no', expected 220"),
        (
            {"service": "pop3"},
            (b"+OK\r\n", b"-ERR no such message\r\n"),
            {"line": "RETR 2", "reply": "+OK"},
            "line 1: RETR 2 was answered '-ERR no such message', expected +OK",
        ),
        (
            {"service": "pop3"},
            (b"+OK\r\n", b"+OK\r\nA: b\r\n..\r\n.\r\n"),
            {"line": "RETR 1", "reply": "+OK", "text": ["A: *", "x"]},
            "line 1: RETR 1 was answered '+OK', 'A: b', '.'; no line has 'x' in it",
        ),
        (
            {"service": "imap"},
            (b"* OK\r\n", b"* 2 EXISTS\r\na OK [READ-WRITE] open\r\n"),
            {"line": "a SELECT x", "reply": "OK [READ-WRITE]", "text": "2 EXISTS"},
            "",
        ),
        (
            {"service": "imap"},
            (b"* OK\r\n", b"* 2 EXISTS\r\na NO [IN-USE] later\r\n"),
            {"line": "a SELECT x", "reply": "OK"},
            "line 1: a SELECT x was answered 'a NO [IN-USE] later', expected OK",
        ),
        (
            {"service": "managesieve"},
            (b'"SIEVE" "x"\r\nOK\r\n', b'NO (QUOTA) "full"\r\n'),
            {"line": "HAVESPACE", "reply": "NO (QUOTA)"},
            "",
        ),
    ],
)
def test_an_answer_other_than_expected_ends_the_talk(
    keys: dict[str, str], answers: tuple[bytes, ...], said: object, why: str, tmp_path: Path
) -> None:
    with peer(*answers) as (port, _):
        talked = say(port, tmp_path, said, **keys)
    assert (talked.unsaid, talked.status) == ((1, why) if why else (0, "everything was said and answered"))
