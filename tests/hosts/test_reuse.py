"""A connection that takes more than one message: when it may, and what is known of a message it is lost with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from testbed.hosts.envelope import envelope_to
from testbed.hosts.sending.delivery import DeliveryResult, DeliverySession
from tests.patience import HANG_S

from .test_lmtp import client_site

CONTENT = b"Subject: hi\r\n\r\nhello\r\n"
ONE = envelope_to("a@x", "b@y")
IDLE = (("gone",), ("unasked 421 4.4.2 idle for too long",))
TAKEN = ("250 ok", "250 ok", "354 go", "250 taken")


class Server:
    """Says each reply in turn, one to a command or message.

    At ``gone`` it closes, at ``hangs up`` it does when it has heard the next; what is ``unasked`` comes at once.
    """

    def __init__(self, replies: Sequence[str]) -> None:
        self._replies = ("220 mx", "250 mx", *replies)
        self.heard: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, reply in enumerate(self._replies):
            if reply == "gone":
                break
            if number and reply.startswith("unasked "):
                writer.write(reply.removeprefix("unasked ").encode() + b"\r\n")
                continue
            if number:
                after_354 = self._replies[number - 1].startswith("354")
                line = await (reader.readuntil(b"\r\n.\r\n") if after_354 else reader.readline())
                self.heard.append("message" if after_354 else line.split()[0].decode())
            if reply == "hangs up":
                break
            writer.write(reply.encode() + b"\r\n")
        writer.close()


def twice(replies: Sequence[str], folder: Path) -> tuple[bool, DeliveryResult | None, list[str]]:
    """Send one message, rest, wake up and send another: whether it was fit, the other's fate, what was heard."""

    async def play() -> tuple[bool, DeliveryResult | None, list[str]]:
        server = Server(replies)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port: int = listening.sockets[0].getsockname()[1]
        session = DeliverySession(client_site(folder), "127.0.0.1", port, pipelining=False)
        await session.open()
        await session.send(ONE, CONTENT)
        rested = await session.rest()
        while replies[4:5] in IDLE and session._idle is not None and session._idle.silent:
            await asyncio.sleep(0.001)
        fit = rested and session.wake()
        result = (await session.send(ONE, CONTENT))["b@y"] if fit else None
        session.drop()
        listening.close()
        return fit, result, server.heard

    return asyncio.run(asyncio.wait_for(play(), HANG_S))


@pytest.mark.parametrize(
    "replies",
    [
        (*TAKEN, "gone"),
        (*TAKEN, "unasked 421 4.4.2 idle for too long", "hangs up"),
        ("250 ok", "421 4.3.2 closing"),
        ("421 4.3.2 closing",),
        (*TAKEN[:3], "421 4.3.2 closing"),
        ("550 no", "500 no RSET here"),
        (*TAKEN[:3], "gone"),
    ],
    ids=str,
)
def test_a_connection_that_ended_or_is_to_end_takes_no_other(replies: tuple[str, ...], tmp_path: Path) -> None:
    fit, result, _ = twice(replies, tmp_path)
    assert (fit, result) == (False, None)


@pytest.mark.parametrize(
    ("first", "reset"),
    [
        (TAKEN, []),
        ((*TAKEN[:3], "552 5.3.4 too big"), []),
        (("550 5.7.1 not you", "250 reset"), ["RSET"]),
        (("250 ok", "550 5.1.1 unknown", "250 reset"), ["RSET"]),
        (("250 ok", "250 ok", "451 4.3.0 later", "250 reset"), ["RSET"]),
    ],
    ids=str,
)
def test_a_transaction_that_did_not_end_is_reset(first: tuple[str, ...], reset: list[str], tmp_path: Path) -> None:
    """RFC 5321 §4.1.1.5."""
    fit, result, heard = twice((*first, *TAKEN), tmp_path)
    assert fit
    assert result is not None
    assert result.taken
    assert [verb for verb in heard if verb == "RSET"] == reset


@pytest.mark.parametrize(
    ("second", "lost"),
    [
        (("hangs up",), True),
        (("421 4.3.2 closing",), True),
        (("250 ok", "hangs up"), True),
        (("250 ok", "250 ok", "hangs up"), True),
        (("250 ok", "250 ok", "421 4.3.2 closing"), True),
        (("450 4.2.1 later",), False),
        (("250 ok", "550 5.1.1 unknown"), False),
        ((*TAKEN[:3], "hangs up"), False),
        ((*TAKEN[:3], "421 4.3.2 closing"), False),
        (TAKEN, False),
    ],
    ids=str,
)
def test_nothing_is_in_doubt_until_the_message_is_handed_over(
    second: tuple[str, ...], lost: bool, tmp_path: Path
) -> None:
    """What is lost before may be sent again at once, what is lost behind it may be stored (RFC 1047)."""
    _, result, _ = twice((*TAKEN, *second), tmp_path)
    assert result is not None
    assert result.lost is lost
