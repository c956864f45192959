"""What a relay's client side says after DATA: lines that end at CRLF, dots stuffed (RFC 5321 §2.3.8, §4.5.2)."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from pathlib import Path

import pytest

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.envelope import envelope_to
from testbed.hosts.sending.delivery import DeliverySession
from testbed.hosts.site import Site

from .conftest import Logged

HELLO = b"250-mx\r\n250 8BITMIME\r\n"
OK = b"250 ok\r\n"
REPLIES = (b"220 mx\r\n", HELLO, OK, OK, b"354 go\r\n", OK, b"221 bye\r\n")


def said_after_data(content: bytes, tmp_path: Path) -> bytes:
    """The octets between 354 and the reply to the final dot."""
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for reply in REPLIES:
                connection.sendall(reply)
                said = b""
                end = b"\r\n.\r\n" if reply.startswith(b"354") else b"\r\n"
                while not said.endswith(end) and (part := connection.recv(65_536)):
                    said += part
                heard.append(said)

    async def deliver() -> None:
        session = DeliverySession(site, "127.0.0.1", listener.getsockname()[1])
        await session.open()
        await session.send(envelope_to("a@x", "b@y"), content)
        await session.quit()

    site = Site("relay", ("127.0.0.1",), tmp_path, "127.0.0.1", Logged(), lambda: 0.0, DialogueScript((), print))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        asyncio.run(deliver())
        thread.join(20)
    return heard[4]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\r\n.\r\n..b\r\n", b"a\r\n..\r\n...b\r\n.\r\n"),
        (b"H: x\r\n\r\na\0\xff\r\n", b"H: x\r\n\r\na\0\xff\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\n.\nMAIL FROM:<c@x>\r\n", b"a\r\n..\r\nMAIL FROM:<c@x>\r\n.\r\n"),
        (b"a\r.\rMAIL FROM:<c@x>\r\n", b"a\r\n..\r\nMAIL FROM:<c@x>\r\n.\r\n"),
        (b"a\r\r\n.\r\r\nb", b"a\r\n\r\n..\r\n\r\nb\r\n.\r\n"),
    ],
    ids=["dots", "odd octets", "a dot alone", "LF.LF", "CR.CR", "CR CRLF.CR CRLF"],
)
def test_what_is_in_the_queue_is_said_in_lines(content: bytes, said: bytes, tmp_path: Path) -> None:
    found = said_after_data(content, tmp_path)
    assert found == said
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", found)
