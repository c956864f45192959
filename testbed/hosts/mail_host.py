"""What a relay and a receiver have in common: mailboxes, a queue that is worked through, a life and a death."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from functools import partial

from testbed.hosts.mailboxes.mailbox import Mailbox
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.servers import MailboxServers
from testbed.hosts.queue.runner import QueueRunner
from testbed.hosts.queue.store import QueuedRecipient
from testbed.hosts.report_days import Reporting
from testbed.hosts.site import Site, close, listen
from testbed.hosts.smtp.access import Access
from testbed.hosts.smtp.handler import MailHandler


class MailHost(ABC):
    """A mail server.  Subclasses say on which ports it takes mail."""

    def __init__(
        self,
        site: Site,
        post_office: PostOffice,
        runner: QueueRunner,
        access: Access,
        mailbox_servers: MailboxServers,
        reports: Reporting,
        handler: MailHandler,
    ) -> None:
        self.name = site.name
        self._site = site
        self._post_office = post_office
        self._runner = runner
        self._access = access
        self._mailbox_servers = mailbox_servers
        self._handler = handler
        self._reports = reports
        self._servers: list[asyncio.Server] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def mailboxes(self) -> dict[str, Mailbox]:
        """Mailboxes of its own domain, by address."""
        return self._post_office.mailboxes

    @property
    def next_due(self) -> float | None:
        """When mail of its queue is to be tried next, in the seconds of its site; None when it holds none."""
        return self._runner.next_due

    @property
    def owed(self) -> list[QueuedRecipient]:
        """The recipients its queue holds, those first that are due first."""
        return self._runner.owed

    @abstractmethod
    async def _listen(self) -> None:
        """Take mail."""

    async def _serve(self, port: int, *, submission: bool = False, implicit: bool = False, lmtp: bool = False) -> None:
        """Take mail at a port; ``implicit`` is TLS from the first octet (RFC 8314 §3.3)."""
        serve = partial(
            self._access.serve, self._handler, self._site, submission=submission, implicit=implicit, lmtp=lmtp
        )
        self._servers += await listen(serve, self._site.addresses, (port,), self._site.receive_buffer)

    async def start(self) -> None:
        """Take mail, let mailboxes be read, and work through the queue."""
        await self._listen()
        await self._mailbox_servers.start()
        self._running = asyncio.create_task(self._runner.run())

    async def settled(self) -> None:
        """Return when no attempt is in progress and none is due."""
        await self._reports.settled()
        await self._runner.settled()

    async def stop(self) -> None:
        """Close the sockets and stop delivering; the queue keeps what is owed."""
        await close(self._servers)
        await self._mailbox_servers.stop()
        await self._reports.stop()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._runner.close()

    def crash(self) -> None:
        """Stop in the middle of everything; the mailboxes and the queue are on disk."""
        for server in self._servers:
            server.close()
        self._mailbox_servers.crash()
        self._reports.crash()
        self._runner.crash()
        if self._running is not None:
            self._running.cancel()
        self._site.connections.cut()

    def inventory(self) -> None:
        """Log what the mailboxes and the queue hold."""
        self._post_office.inventory()
        self._runner.inventory()
