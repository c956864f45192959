"""LMTP (RFC 2033): what the server says to whom, and what the client makes of several replies to one message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.envelope import envelope_to
from testbed.hosts.sending.delivery import DeliveryResult, DeliverySession, HopFailed
from testbed.hosts.site import Site
from testbed.hosts.smtp.access import Access
from testbed.hosts.smtp.commands import Terms
from testbed.hosts.smtp.server import SmtpServer
from testbed.protocols.events import LogEvent
from testbed.scenario.faults import DialogueFault

from .conftest import Serve
from .test_smtp_server import codes, talk

LHLO = b"LHLO client.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
TO_BOTH = MAIL + b"RCPT TO:<bob@someschool.edu>\r\nRCPT TO:<carol@someschool.edu>\r\n"
DATA = b"DATA\r\nSubject: hi\r\n\r\nhello\r\n.\r\n"
LONG = b"DATA\r\nSubject: hi\r\n\r\n" + b"hello\r\n" * 3_000 + b".\r\n"  # more than fits Bob's mailbox
THREE = envelope_to("a@x", "b@y", "c@y", "d@y")


def lmtp(terms: Terms | None = None) -> Callable[..., SmtpServer]:
    return partial(Access(terms or Terms()).serve, lmtp=True)


@pytest.mark.parametrize(
    ("said", "expected"),
    {
        "one reply for each recipient": (LHLO + TO_BOTH + DATA, "250 250 250 250 354 250 250"),
        "each has its own": (LHLO + TO_BOTH + LONG, "250 250 250 250 354 452 250"),
        "none for who was refused": (LHLO + TO_BOTH.replace(b"bob", b"nobody") + DATA, "250 250 550 250 354 250"),
        "no recipient, no message": (LHLO + MAIL + b"RCPT TO:<nobody@someschool.edu>\r\nDATA\r\n", "250 250 550 503"),
        "two messages": (LHLO + (TO_BOTH + DATA) * 2, "250" + " 250 250 250 354 250 250" * 2),
        "a line that is too long is refused to all": (
            LHLO + TO_BOTH + b"DATA\r\n" + b"x" * 1_200 + b"\r\n.\r\n",
            "250 250 250 250 354 500 500",
        ),
        "EHLO is not known": (b"EHLO client.example\r\n", "500"),
        "nor is HELO": (b"HELO client.example\r\n", "500"),
        "LHLO comes first": (MAIL, "503"),
        "LHLO has a name": (b"LHLO\r\n", "501"),
        "a last chunk": (
            LHLO + TO_BOTH + b"BDAT 10\r\nSubject: yBDAT 8 LAST\r\n\r\n\r\nhi\r\n",
            "250 250 250 250 250 250 250",
        ),
    }.values(),
    ids=str,
)
def test_the_server_answers(serve: Serve, said: bytes, expected: str) -> None:
    server = serve(access=lmtp(Terms(besides=frozenset({"CHUNKING"}))))
    assert codes(talk(server, said + b"QUIT\r\n")) == ["220", *expected.split(), "221"]


def test_each_copy_tells_of_its_own_recipient_only(serve: Serve) -> None:
    server = serve(access=lmtp())
    talk(server, LHLO + TO_BOTH + DATA + b"QUIT\r\n")
    for user, other in (("bob", b"carol"), ("carol", b"bob")):
        [message] = server.messages(user)
        assert f"with LMTP\r\n\tfor <{user}@someschool.edu>".encode() in message
        assert other not in message


@pytest.mark.parametrize(
    ("fault", "expected", "stored"),
    [
        ({"reply": "550 5.7.1 No", "recipient": "carol@someschool.edu"}, "250 550 221", {"bob": 1, "carol": 0}),
        ({"reply": "451 4.3.0 Later", "nth": 2}, "250 451 221", {"bob": 1, "carol": 0}),
        ({"reply": "421 4.3.2 Bye"}, "421", {"bob": 0, "carol": 0}),
        ({"then": "close"}, "", {"bob": 1, "carol": 0}),
        ({"then": "close", "nth": 2}, "250", {"bob": 1, "carol": 1}),
        ({"then": "close", "nth": 2, "after": "command"}, "250", {"bob": 1, "carol": 0}),
    ],
)
def test_a_fault_strikes_at_the_reply_of_one_recipient(
    serve: Serve, fault: dict[str, object], expected: str, stored: dict[str, int]
) -> None:
    server = serve(DialogueFault(at="someschool.edu", on="message", **fault), access=lmtp())
    said = talk(server, LHLO + TO_BOTH + DATA + b"QUIT\r\n")
    assert codes(said.removesuffix(b"(gone)"))[6:] == expected.split()
    assert {user: len(server.messages(user)) for user in stored} == stored


def send(replies: bytes, folder: Path, *, pipelining: bool) -> dict[str, DeliveryResult]:
    """The fates of three recipients, where a server says this to their message and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx LMTP\r\n")
        while (line := await reader.readline()) and not line.startswith(b"DATA"):
            writer.write(b"250-mx\r\n250 PIPELINING\r\n" if line.startswith(b"LHLO") else b"250 ok\r\n")
        writer.write(b"354 go\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(replies)
        writer.close()

    async def play() -> dict[str, DeliveryResult]:
        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        port: int = listening.sockets[0].getsockname()[1]
        session = DeliverySession(client_site(folder), "127.0.0.1", port, pipelining=pipelining, lmtp=True)
        await session.open()
        results = await session.send(THREE, b"Subject: hi\r\n\r\nhello\r\n")
        session.drop()
        listening.close()
        return results

    return asyncio.run(play())


def client_site(folder: Path) -> Site:
    def log(event: LogEvent, message: str) -> None:
        raise AssertionError(message)

    return Site("crepes.fr", ("127.0.0.1",), folder, "127.0.0.1", log, lambda: 0.0, DialogueScript((), print))


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "in one go"])
@pytest.mark.parametrize(
    ("replies", "fates"),
    [
        (b"250 2.0.0 a\r\n250 2.0.0 b\r\n250 2.0.0 c\r\n", "2.0.0 2.0.0 2.0.0"),
        (b"250 2.0.0 a\r\n452 4.2.2 full\r\n550 5.7.1 no\r\n", "2.0.0 4.2.2 5.7.1"),
        (b"250-2.0.0 a\r\n250 2.0.0 all of it\r\n250 b\r\n451 4.3.0 later\r\n", "2.0.0 2.0.0 4.3.0"),
        (b"250 2.0.0 a\r\n", "2.0.0 4.4.2 4.4.2"),
        (b"250 2.0.0 a\r\n550 5.7.1 no\r\n25", "2.0.0 5.7.1 4.4.2"),
        (b"250 2.0.0 a\r\nwhat?\r\n250 2.0.0 c\r\n", "2.0.0 4.5.0 4.5.0"),
        (b"", "4.4.2 4.4.2 4.4.2"),
    ],
)
def test_each_reply_settles_one_recipient(replies: bytes, fates: str, pipelining: bool, tmp_path: Path) -> None:
    results = send(replies, tmp_path, pipelining=pipelining)
    assert [results[address].status for address in THREE.addresses] == fates.split()
    assert not any(result.lost for result in results.values())  # the message was handed over: it may be stored


def test_a_server_that_knows_no_lhlo_is_no_next_hop(serve: Serve, tmp_path: Path) -> None:
    session = DeliverySession(client_site(tmp_path), "127.0.0.1", serve().port, lmtp=True)
    with pytest.raises(HopFailed) as failed:
        asyncio.run(session.open())
    assert failed.value.result.code == 500
    assert failed.value.result.permanent
