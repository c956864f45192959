"""What stands in front of a program: whoever speaks through it hears what the program says, octet for octet."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.front.connection import FrontConnection
from testbed.hosts.site import Site
from testbed.hosts.smtp.commands import Terms
from testbed.scenario.faults import DialogueFault
from tests.patience import HANG_S

from .conftest import Logged, Serve, cancel_all

Stand = Callable[..., int]
NEVER = [
    DialogueFault.model_validate({"at": "someschool.edu", "on": stage, "then": "reset", "nth": 10_000})
    for stage in ("HELO", "EHLO", "MAIL", "RCPT", "DATA", "message", "QUIT", "RSET", "NOOP", "VRFY", "STARTTLS")
]
"""Faults at every stage that never strike: so each command is looked at."""
TERMS = Terms(besides=frozenset({"CHUNKING"}))
LINES = [
    b"EHLO me",
    b"HELO me",
    b"MAIL FROM:<a@crepes.fr>",
    b"MAIL FROM:<a@crepes.fr> BODY=8BITMIME",
    b"RCPT TO:<carol@someschool.edu>",
    b"RCPT TO:<nemo@someschool.edu>",
    b"DATA",
    b"BDAT 7",
    b"BDAT 2 LAST",
    b"BDAT 0 LAST",
    b"BDAT x",
    b"Subject: x",
    b"",
    b".",
    b"..",
    b"text\nwith a bare LF",
    b"RSET",
    b"NOOP",
    b"VRFY carol",
    b"STARTTLS",
    b"AUTH PLAIN",
    b"\xff\x00",
    b"x" * 9_000,
]
END = b"\r\n.\r\n\r\n.\r\nRSET\r\nQUIT\r\n"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Gives the port of what stands in front of the server at another port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen(port: int, faults: list[DialogueFault]) -> int:
        site = Site(
            name="someschool.edu",
            addresses=("127.0.0.1",),
            directory=tmp_path,
            nameserver="127.0.0.1",
            log=Logged(),
            now=lambda: 0.0,
            dialogue=DialogueScript(faults),
        )
        dial = partial(asyncio.open_connection, "127.0.0.1", port)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await FrontConnection(site, dial, reader, writer, implicit=False).serve()

        def protocol() -> asyncio.Protocol:
            return site.connections.protocol(serve, asyncio.StreamReader())

        server = await loop.create_server(protocol, "127.0.0.1", 0)
        found: int = server.sockets[0].getsockname()[1]
        return found

    def start(port: int, *faults: DialogueFault) -> int:
        return asyncio.run_coroutine_threadsafe(listen(port, list(faults)), loop).result(HANG_S)

    yield start
    asyncio.run_coroutine_threadsafe(cancel_all(), loop).result(HANG_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def heard(port: int, pieces: list[bytes]) -> tuple[bytes, bool]:
    """All a client hears that says this, a piece at a time; whether the connection was reset.

    Who closes with something unread resets it, and what was on its way then may be lost.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        said = b""
        try:
            for piece in pieces:
                sock.sendall(piece)
            while part := sock.recv(65_536):
                said += part
        except ConnectionError:
            return said, True
        return said, False


@pytest.fixture
def places(serve: Serve, stand: Stand) -> tuple[int, int, int]:
    """The ports of a server, of a front that has nothing to stage, and of one that looks at everything."""
    port = serve(terms=TERMS).port
    return port, stand(port), stand(port, *NEVER)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(lines=st.lists(st.sampled_from(LINES), max_size=14), size=st.sampled_from([1, 3, 60, 100_000]))
def test_whatever_a_client_says_it_hears_the_same(places: tuple[int, int, int], lines: list[bytes], size: int) -> None:
    octets = b"\r\n".join([*lines, END])
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)] if len(octets) < 2_000 else [octets]
    found = [heard(port, pieces) for port in places]
    longest = max((said for said, _ in found), key=len)
    for said, cut_off in found:
        assert longest.startswith(said) if cut_off else said == longest


def program(sock: socket.socket) -> None:
    """Take one message, and say good-bye in the same breath as the 250, as who has waited too long for more."""
    with sock.accept()[0] as peer, peer.makefile("rwb", buffering=0) as said:
        said.write(b"220 x\r\n")
        for reply in (b"250 x", b"250 ok", b"250 ok", b"354 go"):
            said.readline()
            said.write(reply + b"\r\n")
        while said.readline() not in (b".\r\n", b""):
            pass
        said.write(b"250 ok\r\n421 4.4.2 timeout\r\n")
        said.read()


def test_who_falls_silent_says_nothing_more_when_the_client_leaves(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the program has said meanwhile, its timeout for one, stays where it is."""
    monkeypatch.setattr("testbed.hosts.deeds._LONGEST_PATIENCE_S", 0.0)
    stalls = DialogueFault.model_validate({"at": "someschool.edu", "on": "message", "then": "stall", "after": "act"})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=program, args=(listener,))
        thread.start()
        port = stand(listener.getsockname()[1], stalls)
        with socket.create_connection(("127.0.0.1", port), HANG_S) as sock, sock.makefile("rwb", buffering=0) as said:
            said.readline()
            for line in (b"EHLO a", b"MAIL FROM:<a@a>", b"RCPT TO:<b@y>", b"DATA"):
                said.write(line + b"\r\n")
                last = said.readline()
            said.write(b"hi\r\n.\r\n")
            sock.shutdown(socket.SHUT_WR)
            assert (last[:3], said.read()) == (b"354", b"")
        thread.join(HANG_S)
