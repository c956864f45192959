"""Clients that hang up, anywhere and anyhow: the lab lives, serves others, and is never kept from them for long."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import threading
from collections.abc import Iterator

import pytest

from testbed import Bed, open_lab
from testbed.protocols import events
from testbed.trace.model.log import of
from tests.bed.sessions import HOSTS, SESSIONS, assert_served, connected, crowd, hang_up, listen, say

pytestmark = pytest.mark.lab

STALLS = {"at": "crepes.fr", "on": "EHLO", "then": "stall"}


MULTIPART = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


def appended(message: bytes) -> bytes:
    """A message put into a folder, and asked for its structure."""
    return (
        b"a LOGIN bob secret\r\nb APPEND Junk {%d+}\r\n" % len(message)
        + message
        + b"\r\nc SELECT Junk\r\nd FETCH * (BODYSTRUCTURE ENVELOPE)\r\n"
    )


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with open_lab(hosts=HOSTS) as opened:
        yield opened
    assert not list(of(opened.analysis.log, events.HeldUp))


@pytest.mark.parametrize("name", SESSIONS)
def test_whoever_hangs_up_after_any_octet_leaves_others_served(bed: Bed, name: str) -> None:
    session = SESSIONS[name]
    for length in range(len(session.said) + 1):
        client = connected(bed, session)
        say(client, session.said[:length])
        hang_up(client, "FIN" if length % 2 else "RST")
        assert_served(bed, session)


def test_a_thousand_clients_come_talk_and_go_in_any_order(bed: Bed) -> None:
    assert list(crowd(bed, 1_000, seed=12))[-1] == 1_000


def test_whoever_half_closes_hears_everything_through_the_forwarded_port(bed: Bed) -> None:
    asked = b"GET /login HTTP/1.1\r\nHost: mail.someschool.edu\r\n\r\n"
    for name, said, answers in (
        ("submission", b"EHLO x\r\nRSET\r\nQUIT\r\n", [b"220 ", b"\r\n250 HELP", b"\r\n250 ", b"\r\n221 "]),
        ("pop3", b"USER bob\r\nPASS secret\r\nQUIT\r\n", [b"+OK"] * 4),
        ("imap", b"a LOGIN bob secret\r\nb LOGOUT\r\n", [b"* OK", b"\r\na OK", b"\r\nb OK"]),
        ("http", asked * 3, [b"HTTP/1.1 200"] * 3),
    ):
        with connected(bed, SESSIONS[name]) as client:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            heard = b""
            while piece := client.recv(65_536):
                heard += piece
        for answer in answers:
            assert answer in heard, name
            heard = heard.partition(answer)[2]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smtp", b"NOOP\r\n" * 5_000),
        ("smtp", b"\r\n" * 5_000),
        ("smtp", SESSIONS["smtp"].said.partition(b"DATA\r\n")[0] + b"DATA\r\n" + b"\r\n" * 60_000),
        ("smtp", b"x" * 1_000_000),
        ("pop3", b"NOOP\r\n" * 5_000),
        ("pop3", b"x" * 1_000_000),
        ("imap", b"a NOOP\r\n" * 1_000),
        ("imap", b"a LOGIN bob secret\r\n" + b'b LIST "" ' + b"*a" * 60 + b"b\r\n"),
        ("imap", b"a LOGIN bob secret\r\nb SELECT INBOX\r\nc SEARCH " + b"(" * 20_000 + b"\r\n"),
        (
            "imap",
            b"a LOGIN bob secret\r\nb SELECT INBOX\r\nc FETCH 1:4294967295" + b",1:4294967295" * 2_000 + b" FLAGS\r\n",
        ),
        *(
            ("imap", b"a LOGIN bob secret\r\nb SELECT INBOX\r\nc SEARCH " + keys + b"ALL\r\nd NOOP\r\n")
            for keys in (
                b"ALL " * 16_000,
                b"NOT " * 16_000,
                b"OR ALL " * 9_000,
                b"(ALL) " * 10_000,
                b"TEXT {1+}\r\na " * 3_000,
                b"1:*," * 10_000 + b"1 ",
            )
        ),
        ("imap", b"a LOGIN bob secret\r\nb SELECT INBOX\r\nc STORE 1:* FLAGS (" + b"x " * 30_000 + b")\r\n"),
        ("imap", b"a LOGIN bob secret\r\nb STATUS INBOX (" + b"UNSEEN " * 9_000 + b")\r\n"),
        ("imap", b"a LOGIN bob secret\r\nb APPEND Junk {99999999999+}\r\n" + b"x" * 100_000),
        ("smtp", b"EHLO x\r\n" + b"MAIL FROM:<alice@crepes.fr>\r\nRSET\r\n" * 2_500),
        ("smtp", b"EHLO x\r\nMAIL FROM:<a@x> " + b"SIZE=1 " * 9_000 + b"\r\n"),
        ("pop3", b"USER bob\r\nPASS secret\r\n" + b"LIST\r\nUIDL\r\nTOP 1 0\r\n" * 500),
        ("imap", appended(b"Content-Type: message/rfc822\r\n\r\n" * 5_000)),
        ("imap", appended(MULTIPART * 1_000)),
        ("imap", appended(MULTIPART + b"--b\r\n\r\nx\r\n" * 20_000)),
        ("imap", b"a AUTHENTICATE PLAIN\r\n" + b"eHh4" * 250_000 + b"\r\n"),
        ("imap", b"a LOGIN {1000000+}\r\n" + b"x" * 1_000_000 + b" {1+}\r\ny\r\n"),
        ("submission", b"EHLO x\r\nAUTH PLAIN " + b"eHh4" * 250_000 + b"\r\n"),
        ("http", b"GET /login HTTP/1.1\r\nHost: mail.someschool.edu\r\n\r\n" * 200),
    ],
    ids=lambda value: f"{value[:24]!r}" if isinstance(value, bytes) else value,
)
def test_whoever_talks_without_a_pause_leaves_others_their_turn(bed: Bed, name: str, said: bytes) -> None:
    with connected(bed, SESSIONS[name]) as client:
        talking = threading.Thread(target=say, args=(client, said))
        talking.start()
        listening = threading.Thread(target=listen, args=(client,))
        listening.start()
        for session in SESSIONS.values():
            assert_served(bed, session)
        talking.join()
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        listening.join()


LOGIN = b"a LOGIN bob secret\r\n"
NUL = b"{3+}\r\na\0b\r\n"
NINES = b"9" * 5_000
ODD_FIELDS = (
    b"Content-Type: multipart/mixed; boundary=\xff\r\nDate: x\r\nFrom: \xff <\r\nTo: (((\r\nSubject: =?x?b?\xff?=\r\n"
)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(("imap", b"a AUTHENTICATE PLAIN\r\n" + answer) for answer in (b"//8A//8A//8=", b"=", b"", b"x" * 100_000)),
        ("imap", b"a AUTHENTICATE LOGIN\r\n//8=\r\n//8=\r\nb AUTHENTICATE \xff"),
        ("imap", b"a LOGIN {2+}\r\n\xff\xff {2+}\r\n\xff\xff"),
        ("imap", b"a LOGIN {" + NINES + b"+}"),
        *(("imap", LOGIN + b"b IDLE\r\n" + end) for end in (b"x" * 100_000, b"{0+}\r\n", b"DONE {5+}")),
        ("imap", LOGIN + b'b APPEND Junk "31-Dec-9999 23:59:59 -2359" {1+}\r\nx\r\nc SELECT Junk\r\nd FETCH * ALL'),
        ("imap", LOGIN + b'b APPEND Junk "01-Jan-0001 00:00:00 +2359" {1+}\r\nx\r\nc SELECT Junk\r\nd FETCH * ALL'),
        *(("imap", LOGIN + b"b " + verb + NUL) for verb in (b"CREATE ", b"SELECT ", b"DELETE ", b"RENAME INBOX ")),
        ("imap", LOGIN + b"b CREATE &2AA-\r\nc CREATE &,-\r\nd CREATE " + b"x/" * 3_000 + b"x"),
        ("imap", appended(ODD_FIELDS + b"\r\n=\xff")),
        ("pop3", b"USER \xff\r\nPASS \xff\r\nUSER bob\r\nPASS secret\r\nTOP 1 \xff\r\nDELE " + NINES),
        ("submission", b"EHLO x\r\nAUTH PLAIN //8A//8A//8=\r\nMAIL FROM:<a@x> SIZE=" + NINES + b"\r\nBDAT " + NINES),
        ("http", b"GET /\xff%ff%00 HTTP/1.1\r\nHost: \xff\r\nCookie: \xff\r\nContent-Length: " + NINES + b"\r\n"),
    ],
    ids=lambda value: f"{value[-32:]!r}" if isinstance(value, bytes) else value,
)
def test_whoever_says_what_no_parser_foresees_ends_nothing_but_his_connection(bed: Bed, name: str, said: bytes) -> None:
    session = SESSIONS[name]
    with connected(bed, session) as client:
        say(client, said + b"\r\n")
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        listen(client)
    assert_served(bed, session)


def test_an_application_gives_up_on_a_server_that_stalls_as_often_as_it_likes() -> None:
    with open_lab(faults=[STALLS]) as bed:
        for _ in range(40):
            with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
                smtplib.SMTP(*bed.address("crepes.fr", "submission"), timeout=0.05).ehlo_or_helo_if_needed()
        bed.send("bob@someschool.edu", sender="alice@crepes.fr")


@pytest.mark.parametrize("then", ["stall", "deaf", "endless", "drip", "sip"])
@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_what_a_fault_does_to_those_who_have_left_harms_nobody_else(then: str, how: str) -> None:
    fault = {"at": "crepes.fr", "on": "EHLO", "then": then, "times": 30}
    if then in ("drip", "sip"):
        fault["pace"] = "5ms"
    session = SESSIONS["submission"]
    with open_lab(faults=[fault]) as bed:
        clients = [connected(bed, session) for _ in range(30)]
        for client in clients:
            client.recv(4)
            client.sendall(session.said[:17])
        for client in clients:
            hang_up(client, how)
        bed.send("bob@someschool.edu")
        assert [message["Subject"] for message in bed.messages("bob@someschool.edu")]
    assert not list(of(bed.analysis.log, events.HeldUp))
