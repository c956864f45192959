"""The client side before servers that answer strangely: what counts as taken, and what is sent (RFC 5321, 2920)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.envelope import envelope_to
from testbed.hosts.sending.delivery import DeliveryResult, DeliverySession
from testbed.hosts.site import Site
from testbed.protocols.events import LogEvent

CONTENT = b"Subject: hi\r\n\r\n.hello\r\n"
TWO = envelope_to("a@x", "b@y", "c@y")


class Server:
    """Says each reply in turn, one to a command; ``heard`` is every line of the client, mail data included.

    It leaves at ``gone``, and behind a reply without CRLF, which begins with ``cut``.
    """

    def __init__(self, *replies: str) -> None:
        self._replies = ["220 mx", "250-mx\r\n250 PIPELINING", *replies, "221 bye"]
        self.heard: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = False
        for reply in self._replies:
            if reply == "gone":
                break
            if reply != "220 mx":
                self.heard.append((await reader.readline()).decode().strip())
                while data and self.heard[-1] != ".":
                    self.heard.append((await reader.readline()).decode().strip())
            data = reply.startswith("354")
            if reply.startswith("cut "):
                writer.write(reply.removeprefix("cut ").encode())
                break
            writer.write(reply.encode() + b"\r\n")
        writer.close()


def deliver(server: Server, folder: Path, *, pipelining: bool) -> dict[str, DeliveryResult]:
    def log(event: LogEvent, message: str) -> None:
        raise AssertionError(message)

    site = Site("crepes.fr", ("127.0.0.1",), folder, "127.0.0.1", log, lambda: 0.0, DialogueScript((), print))

    async def play() -> dict[str, DeliveryResult]:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port: int = listening.sockets[0].getsockname()[1]
        session = DeliverySession(site, "127.0.0.1", port, pipelining=pipelining)
        await session.open()
        results = await session.send(TWO, CONTENT)
        await session.quit()
        listening.close()
        return results

    return asyncio.run(play())


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "in one go"])
@pytest.mark.parametrize(
    ("replies", "fates"),
    [
        ("250 ok|250 ok|250 ok|354 go|250 2.0.0 taken", "2.0.0 2.0.0"),
        ("250 ok|250 ok|550 5.1.1 no|354 go|250 2.0.0 taken", "2.0.0 5.1.1"),
        ("250 ok|250 ok|550 5.1.1 no|354 go|552 5.3.4 big", "5.3.4 5.1.1"),
        ("250 ok|250 ok|250 ok|354 go|gone", "4.4.2 4.4.2"),
        ("250 ok|250 ok|250 ok|354 go|cut 250 2.0.0 taken", "4.4.2 4.4.2"),
        ("250 ok|250 ok|cut 550 5.1.1 no", "4.4.2 4.4.2"),
        ("250 ok|550 5.1.1 no|gone", "5.1.1 4.4.2"),
        ("250 ok|250 ok|250 ok|451 4.3.0 later", "4.3.0 4.3.0"),
        ("250 ok|250 ok|250 ok|250 what", "4.5.0 4.5.0"),
        ("250 ok|452 full|452 full|503 no", "4.0.0 4.0.0"),
        ("250 ok|552 5.2.2 full|552 full|503 no", "5.2.2 5.0.0"),
    ],
)
def test_each_recipient_has_a_fate(replies: str, fates: str, pipelining: bool, tmp_path: Path) -> None:
    results = deliver(Server(*replies.split("|")), tmp_path, pipelining=pipelining)
    assert [results[address].status for address in TWO.addresses] == fates.split()


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("552 4.3.1 full", "5.3.1"),
        ("450 5.1.1 unknown for now", "4.1.1"),
        ("550 2.1.5 odd", "5.0.0"),
        ("451 2.0.0 odd", "4.0.0"),
        ("250 5.1.1 odd", "2.0.0"),
        ("250 taken", "2.0.0"),
        ("422 4.2.2 unknown code", "4.2.2"),
        ("350 go on", "4.0.0"),
    ],
)
def test_the_first_digit_decides_and_the_reply_is_told_as_it_came(reply: str, status: str, tmp_path: Path) -> None:
    """RFC 5321 §4.2.1."""
    results = deliver(Server("250 ok", "250 ok", "250 ok", "354 go", reply), tmp_path, pipelining=True)
    assert {(result.status, str(result)) for result in results.values()} == {(status, reply)}


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "in one go"])
def test_who_was_too_many_follows_on_the_same_connection(pipelining: bool, tmp_path: Path) -> None:
    """RFC 5321 §4.5.3.1.10."""
    first = ("250 ok", "250 ok", "552 too many", "354 go", "250 2.0.0 taken")
    server = Server(*first, "250 ok", "250 ok", "354 go", "250 2.0.0 taken")
    results = deliver(server, tmp_path, pipelining=pipelining)
    assert all(result.taken for result in results.values())
    asked = [line for line in server.heard if line.startswith("RCPT")]
    assert asked == ["RCPT TO:<b@y>", "RCPT TO:<c@y>", "RCPT TO:<c@y>"]


def test_a_refused_sender_is_everybody_s_fate(tmp_path: Path) -> None:
    """What the server says to RCPT and DATA of the group no longer matters, and nothing is delivered."""
    server = Server("550 5.7.1 not you", "250 ok", "250 ok", "354 go", "250 taken")
    results = deliver(server, tmp_path, pipelining=True)
    assert {result.status for result in results.values()} == {"5.7.1"}
    assert server.heard[4:] == ["DATA", ".", "QUIT"]


def test_nobody_accepted_and_354_all_the_same_gets_a_lone_dot(tmp_path: Path) -> None:
    """RFC 2920 §3.1."""
    server = Server("250 ok", "550 5.1.1 no", "450 4.2.1 later", "354 go", "250 fine")
    results = deliver(server, tmp_path, pipelining=True)
    assert [results[address].status for address in TWO.addresses] == ["5.1.1", "4.2.1"]
    assert server.heard[4:] == ["DATA", ".", "QUIT"]


def test_dots_are_stuffed(tmp_path: Path) -> None:
    server = Server("250 ok", "250 ok", "250 ok", "354 go", "250 taken")
    deliver(server, tmp_path, pipelining=True)
    assert server.heard[4:] == ["DATA", "Subject: hi", "", "..hello", ".", "QUIT"]


@pytest.mark.parametrize("reply", ["hello", "250-" + "x" * 40_000, "999 what"])
def test_what_is_no_reply_counts_as_a_lost_connection(reply: str, tmp_path: Path) -> None:
    """RFC 5321 §4.3.2: temporary, whatever it was."""
    results = deliver(Server("250 ok", reply, "gone"), tmp_path, pipelining=True)
    assert {result.status[0] for result in results.values()} == {"4"}
