"""The POP3 session as RFC 1939 tells it, without a socket."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.pop3_session import MAX_LINE, InUse, Maildrop, Pop3Session, State, octets_of

HELLO = b"Subject: one\r\n\r\nhello\r\n"
DOTS = b"Subject: two\r\n\r\n.\r\n..\r\n.end\r\n"


class Drop:
    """A maildrop in memory."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        self.messages = list(messages)
        self.unique_ids = tuple(f"id{number}" for number in range(len(messages)))
        self.deleted: frozenset[int] = frozenset()
        self.released = False

    def read(self, number: int) -> bytes:
        return self.messages[number - 1]

    def octets(self, number: int) -> int:
        return octets_of(self.read(number))

    def update(self, deleted: frozenset[int]) -> None:
        self.deleted = deleted

    def release(self) -> None:
        self.released = True


def session(*messages: bytes, tls: bool = False) -> tuple[Pop3Session, Drop]:
    drop = Drop(messages or (HELLO, DOTS))

    def login(user: str, password: str) -> Maildrop | None:
        if user == "busy":
            raise InUse
        return drop if (user, password) == ("bob", "a secret") else None

    return Pop3Session("someschool.edu", login, tls=tls), drop


def say(pop3: Pop3Session, *lines: str) -> list[str]:
    replies = []
    for line in lines:
        pop3.feed(line.encode() + b"\r\n")
        replies += [pop3.answer(*command).decode() for command in pop3.commands()]
    return replies


LOGIN = ("USER bob", "PASS a secret")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("STAT", "+OK 2 52\r\n"),
        ("LIST", "+OK\r\n1 23\r\n2 29\r\n.\r\n"),
        ("LIST 2", "+OK 2 29\r\n"),
        ("list 1", "+OK 1 23\r\n"),
        ("LIST 3", "-ERR no such message\r\n"),
        ("LIST x", "-ERR no such message\r\n"),
        ("UIDL", "+OK\r\n1 id0\r\n2 id1\r\n.\r\n"),
        ("UIDL 2", "+OK 2 id1\r\n"),
        ("RETR 1", "+OK 23 octets\r\nSubject: one\r\n\r\nhello\r\n.\r\n"),
        ("RETR 2", "+OK 29 octets\r\nSubject: two\r\n\r\n..\r\n...\r\n..end\r\n.\r\n"),
        ("RETR 0", "-ERR no such message\r\n"),
        ("RETR ²", "-ERR no such message\r\n"),
        ("TOP 2 0", "+OK top of message follows\r\nSubject: two\r\n\r\n.\r\n"),
        ("TOP 2 1", "+OK top of message follows\r\nSubject: two\r\n\r\n..\r\n.\r\n"),
        ("TOP 2 99", "+OK top of message follows\r\nSubject: two\r\n\r\n..\r\n...\r\n..end\r\n.\r\n"),
        ("TOP 2", "-ERR no such message\r\n"),
        ("NOOP", "+OK\r\n"),
        ("USER bob", "-ERR not now\r\n"),
        ("FETCH 1", "-ERR unknown command\r\n"),
        ("", "-ERR unknown command\r\n"),
    ],
)
def test_every_command_has_its_reply(asked: str, said: str) -> None:
    pop3, _ = session()
    assert say(pop3, *LOGIN, asked)[-1] == said


@pytest.mark.parametrize("user", ["bob", "nobody"])
def test_nobody_learns_who_has_a_mailbox(user: str) -> None:
    pop3, _ = session()
    assert say(pop3, f"USER {user}", "PASS wrong") == ["+OK send PASS\r\n", "-ERR [AUTH] wrong name or password\r\n"]
    assert say(pop3, "STAT") == ["-ERR not now\r\n"]


def test_one_session_at_a_time() -> None:
    pop3, _ = session()
    assert say(pop3, "USER busy", "PASS x")[-1].startswith("-ERR [IN-USE]")


def test_a_password_belongs_to_the_user_just_named() -> None:
    pop3, _ = session()
    assert say(pop3, "PASS a secret") == ["-ERR USER comes first\r\n"]
    assert say(pop3, "USER bob", "PASS wrong", "PASS a secret")[-1] == "-ERR USER comes first\r\n"


def test_what_is_marked_is_deleted_at_quit() -> None:
    pop3, drop = session()
    say(pop3, *LOGIN, "DELE 1")
    assert say(pop3, "RETR 1", "DELE 1", "STAT") == ["-ERR no such message\r\n"] * 2 + ["+OK 1 29\r\n"]
    assert not drop.deleted
    say(pop3, "QUIT")
    assert drop.deleted == {1}
    assert (drop.released, pop3.state) == (True, State.OVER)


def test_rset_takes_the_marks_away() -> None:
    pop3, drop = session()
    say(pop3, *LOGIN, "DELE 1", "RSET", "QUIT")
    assert drop.deleted == set()


def test_a_lost_connection_deletes_nothing() -> None:
    pop3, drop = session()
    say(pop3, *LOGIN, "DELE 1")
    pop3.lost()
    assert (drop.deleted, drop.released) == (set(), True)


def test_quit_before_login_is_no_update() -> None:
    pop3, drop = session()
    assert say(pop3, "QUIT", "STAT") == ["+OK goodbye\r\n"]
    assert not drop.released


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (b"a: b\n\nbare\n", b"a: b\r\n\r\nbare\r\n"),
        (b"a: b\r\n\r\nno end", b"a: b\r\n\r\nno end\r\n"),
        (b"a: b\r\n\r\nx\n.\r\ny\r\n", b"a: b\r\n\r\nx\r\n..\r\ny\r\n"),
        (b"", b""),
    ],
    ids=["bare LF", "no last line end", "a dot after a bare LF", "empty"],
)
def test_sizes_count_lines_as_they_are_sent(message: bytes, told: bytes) -> None:
    pop3, _ = session(message)
    first, _, rest = say(pop3, *LOGIN, "RETR 1")[-1].encode().partition(b"\r\n")
    assert rest == told + b".\r\n"
    assert first == b"+OK %d octets" % len(told.replace(b"\r\n..", b"\r\n."))


def test_commands_may_come_all_at_once() -> None:
    pop3, drop = session()
    pop3.feed(b"USER bob\r\nPASS a secret\r\nDELE 2\r\nQUIT\r\nSTAT\r\n")
    assert [pop3.answer(*command)[:3] for command in pop3.commands()] == [b"+OK"] * 4
    assert drop.deleted == {2}


def test_tls_is_offered_once_and_nothing_passes_behind_it() -> None:
    pop3, _ = session(tls=True)
    assert "STLS\r\n" in say(pop3, "CAPA")[0]
    pop3.feed(b"STLS\r\nUSER bob\r\n")
    assert [pop3.answer(*command) for command in pop3.commands()] == [b"+OK begin TLS\r\n"]
    assert pop3.tls_begins
    assert say(pop3, "STLS") == ["-ERR no TLS here\r\n"]
    assert "STLS" not in say(pop3, "CAPA")[0]


def test_a_line_without_end_is_not_kept() -> None:
    pop3, _ = session()
    for _ in range(1_000):
        pop3.feed(b"x" * 4_096)
        assert list(pop3.commands()) == []
    assert len(pop3._received) <= MAX_LINE
    pop3.feed(b"\r\nNOOP\r\n")
    assert [pop3.answer(*command) for command in pop3.commands()] == [b"-ERR unknown command\r\n", b"-ERR not now\r\n"]


@given(st.lists(st.binary(max_size=300) | st.sampled_from([b"USER bob\r\n", b"PASS a secret\r\n", b"TOP 1 9\r\n"])))
def test_whatever_comes_is_answered(pieces: list[bytes]) -> None:
    pop3, _ = session()
    for piece in pieces:
        pop3.feed(piece)
        for command in pop3.commands():
            reply = pop3.answer(*command)
            assert reply.startswith((b"+OK", b"-ERR"))
            assert reply.endswith(b"\r\n")
