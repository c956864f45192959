"""A web mail on the machine's own loopback, over a real IMAP server (pymap) and a real SMTP server (ours)."""

from __future__ import annotations

import asyncio
import contextlib
import http.cookiejar
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from imapclient import IMAPClient
from uvicorn.config import Config
from uvicorn.server import ServerState

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.envelope import envelope_to
from testbed.hosts.reading.imap_client import ImapClient
from testbed.hosts.sending.delivery import DeliverySession
from testbed.hosts.site import Site
from testbed.hosts.webmail.app import Backend, application
from testbed.hosts.webmail.http import HttpProtocol
from tests.hosts.conftest import Running, Serve
from tests.patience import HANG_S

BOB, PASSWORD = "bob@someschool.edu", "hunter 2"


@dataclass
class Page:
    """An answer."""

    status: int
    text: str
    headers: dict[str, str]
    address: str
    content: bytes

    @property
    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.text)
        assert found is not None
        return found[1]


@dataclass
class Web:
    """The web mail's address, a browser of ours, and Bob's mailbox behind it all."""

    url: str
    imap: IMAPClient
    smtp: Running
    opener: urllib.request.OpenerDirector = field(init=False)
    token: str = ""

    def __post_init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)

    def get(self, path: str, **query: str) -> Page:
        return self._open(self.url + path + (f"?{urlencode(query)}" if query else ""))

    def post(self, path: str, **form: str | list[str]) -> Page:
        return self._open(self.url + path, urlencode(form, doseq=True).encode())

    def log_in(self) -> Page:
        return self.post("/login", token=self.get("/login").token, user=BOB, password=PASSWORD)

    def put(self, content: bytes | str, folder: str = "INBOX") -> None:
        raw = content.encode() if isinstance(content, str) else content
        self.imap.append(folder, raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    def _open(self, address: str, body: bytes | None = None) -> Page:
        try:
            answer = self.opener.open(address, body, timeout=HANG_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            content = answer.read()
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Page(answer.status, content.decode("utf-8", "replace"), headers, answer.url, content)


@pytest.fixture(scope="session")
def pymap() -> Iterator[int]:
    """The port of an IMAP server with Bob's mailbox."""
    program = Path(sys.executable).with_name("pymap")
    if not program.exists() and shutil.which("pymap") is None:
        pytest.skip("pymap is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = ["--demo-data", "--demo-user", BOB, "--demo-password", PASSWORD]
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-tls", "--no-service", "sieve", "--no-service", "admin"]
    process = subprocess.Popen([str(program), *options, "dict", *user], stderr=subprocess.DEVNULL)
    try:
        while True:
            assert process.poll() is None, "pymap did not start"
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                continue
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def web(pymap: int, serve: Serve, tmp_path: Path) -> Iterator[Web]:
    """A web mail whose mailbox is empty."""
    client = IMAPClient("127.0.0.1", pymap, ssl=False)
    client.login(BOB, PASSWORD)
    for _, _, name in client.list_folders():
        if name != "INBOX":
            client.delete_folder(name)
    client.select_folder("INBOX")
    client.delete_messages(client.search("ALL"))
    client.expunge()
    smtp = serve()
    site = Site(
        name="mail.someschool.edu",
        addresses=("127.0.0.1",),
        directory=tmp_path,
        nameserver="127.0.0.1",
        log=lambda event, message: None,
        now=lambda: 1_767_603_600.0,
        dialogue=DialogueScript((), lambda fault, vain: None),
    )

    async def imap() -> ImapClient:
        return await ImapClient.open(site, "127.0.0.1", "127.0.0.1", port=pymap)

    async def send(sender: str, recipients: list[str], content: bytes) -> dict[str, str]:
        session = DeliverySession(site, "127.0.0.1", smtp.port)
        await session.open()
        results = await session.send(envelope_to(sender, *recipients), content)
        await session.quit()
        return {recipient: str(result) for recipient, result in results.items() if not result.taken}

    backend = Backend(site.name, "someschool.edu", imap, send, site.now, site.date)
    with running(backend) as port:
        yield Web(f"http://127.0.0.1:{port}", client, smtp)
    client.logout()


@contextlib.contextmanager
def running(backend: Backend) -> Iterator[int]:
    """The application in a thread of its own; its port."""
    config = Config(application(backend), log_config=None, lifespan="off", ws="none")
    state, loop = ServerState(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> asyncio.Server:
        return await loop.create_server(lambda: HttpProtocol(config, state, {}, loop), "127.0.0.1", 0)

    async def end() -> None:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(HANG_S)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(HANG_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
