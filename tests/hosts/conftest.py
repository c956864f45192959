"""A receiver on the machine's own loopback, for clients that behave badly."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.mailboxes.imap_server import ImapServer
from testbed.hosts.mailboxes.pop3_server import Pop3Server
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.tls import ReadingTls
from testbed.hosts.queue.retry import RetrySchedule
from testbed.hosts.queue.routing import Router
from testbed.hosts.queue.runner import QueueRunner
from testbed.hosts.queue.store import Queue
from testbed.hosts.receiver import _ReceiverHandler
from testbed.hosts.site import Site
from testbed.hosts.smtp.access import Access
from testbed.hosts.smtp.commands import Terms
from testbed.hosts.smtp.server import SmtpServer
from testbed.hosts.tls import LabTls
from testbed.net.clock import ScenarioLoop
from testbed.protocols.events import LogEvent
from testbed.scenario.faults import DialogueFault
from testbed.scenario.mailboxes import MailboxSpec
from tests.patience import HANG_S


@dataclass
class Logged:
    """A host's log."""

    events: list[LogEvent] = field(default_factory=list)

    def __call__(self, event: LogEvent, message: str) -> None:
        self.events.append(event)


@dataclass
class Running:
    """A receiver in a thread of its own, with Bob's mailbox (20 KB), Carol's (without limit) and Fay's (full).

    Gus has folders and a quota.
    """

    port: int
    pop3: int
    imap: int
    post_office: PostOffice
    logged: Logged
    vain: list[str]  # of each fault that struck, why it changed nothing

    def messages(self, user: str) -> list[bytes]:
        inbox = self.post_office.mailboxes[f"{user}@someschool.edu"].folder()
        return list(map(inbox.read, inbox.keys()))


Serve = Callable[..., Running]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    yield from _serve(tmp_path, asyncio.new_event_loop())


@pytest.fixture
def serve_in_scenario_time(tmp_path: Path) -> Iterator[Serve]:
    yield from _serve(tmp_path, ScenarioLoop())


def _serve(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> Iterator[Serve]:
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def start(
        *faults: DialogueFault,
        terms: Terms | None = None,
        access: Callable[..., SmtpServer] | None = None,
        tls: LabTls | None = None,
        implicit: bool = False,
    ) -> Running:
        logged = Logged()
        vain: list[str] = []
        site = Site(
            name="someschool.edu",
            addresses=("127.0.0.1",),
            directory=tmp_path,
            nameserver="127.0.0.1",
            log=logged,
            now=lambda: 1_767_603_600.0,
            dialogue=DialogueScript(faults, lambda fault, why: vain.append(why)),
        )
        boxes = {
            "bob": MailboxSpec(quota=20_000),
            "carol": MailboxSpec(),
            "fay": MailboxSpec(quota=1_000, filled=1_000),
            "postmaster": MailboxSpec(),
            "gus": MailboxSpec(quota=20_480, messages=4, folders=("Archive",), password="opensesame"),
        }
        post_office = PostOffice(site, "someschool.edu", boxes)
        router = Router(Resolver(site), site.name, site.addresses, ("A",), 0)
        queue = Queue(tmp_path / f"queue-{len(list(tmp_path.iterdir()))}.db")
        runner = QueueRunner(site, queue, post_office, router, RetrySchedule((1,), 1))
        handler = _ReceiverHandler(site, post_office, runner)

        async def listen(protocol: Callable[[], asyncio.BaseProtocol]) -> int:
            server = await loop.create_server(protocol, "127.0.0.1", 0)
            port: int = server.sockets[0].getsockname()[1]
            return port

        serve = access or Access(terms or Terms()).serve
        ports = [
            asyncio.run_coroutine_threadsafe(listen(protocol), loop).result(HANG_S)
            for protocol in (
                lambda: serve(handler, site),
                Pop3Server(site, post_office, tls and ReadingTls(site, tls, "pop3"), implicit=implicit).protocol,
                ImapServer(site, post_office, tls and ReadingTls(site, tls, "imap"), implicit=implicit).protocol,
            )
        ]
        return Running(*ports, post_office, logged, vain)

    yield start
    asyncio.run_coroutine_threadsafe(cancel_all(), loop).result(HANG_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def cancel_all() -> None:
    """End what still runs in a loop."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
