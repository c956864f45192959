"""The relay: takes mail from user agents and other servers, and hands it to the queue runner."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import Envelope
from aiosmtpd.smtp import Session as PeerSession

from testbed.hosts.mail_handler import MailHandler, sender_of
from testbed.hosts.mailbox import Mailbox
from testbed.hosts.mailbox_servers import MailboxServers
from testbed.hosts.post_office import PostOffice
from testbed.hosts.queue_runner import QueueRunner
from testbed.hosts.site import Site, close, listen
from testbed.hosts.smtp_server import SmtpServer
from testbed.hosts.trace_header import received
from testbed.protocols.events import Event

SMTP_PORT = 25
SUBMISSION_PORT = 587


class Relay:
    """A mail server with a queue, and the mailboxes of its own domain."""

    def __init__(
        self, site: Site, post_office: PostOffice, runner: QueueRunner, mailbox_servers: MailboxServers
    ) -> None:
        self.name = site.name
        self._site = site
        self._post_office = post_office
        self._runner = runner
        self._mailbox_servers = mailbox_servers
        self._handler = _RelayHandler(site, post_office, runner)
        self._servers: list[asyncio.Server] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def mailboxes(self) -> dict[str, Mailbox]:
        """Mailboxes of the relay's own domain, by address."""
        return self._post_office.mailboxes

    async def start(self) -> None:
        """Listen for other servers and for user agents, and work through the queue."""
        self._servers = await listen(
            lambda: SmtpServer(self._handler, self._site), self._site.addresses, (SMTP_PORT, SUBMISSION_PORT)
        )
        await self._mailbox_servers.start()
        self._running = asyncio.create_task(self._runner.run())

    async def settled(self) -> None:
        """Return when no attempt is in progress and none is due."""
        await self._runner.settled()

    async def stop(self) -> None:
        """Stop delivering; the queue keeps what is owed."""
        await close(self._servers)
        await self._mailbox_servers.stop()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def inventory(self) -> None:
        """Log what the mailboxes and the queue hold."""
        self._post_office.inventory()
        self._runner.inventory()


class _RelayHandler(MailHandler):
    def __init__(self, site: Site, post_office: PostOffice, runner: QueueRunner) -> None:
        self._site = site
        self._post_office = post_office
        self._runner = runner

    def refusal(self, recipient: str, peer: str) -> str:
        if self._post_office.serves(recipient):
            reply = self._post_office.refusal(recipient)
        elif peer in self._site.trusted:
            reply = ""
        else:
            reply = "550 5.7.1 Relaying denied"
        if reply:
            self._site.log(Event.REFUSED, f"refuses mail for <{recipient}>: {reply}", recipient=recipient, status=reply)
        return reply

    def received(self, session: PeerSession, envelope: Envelope) -> bytes:
        return received(self._site, session, envelope.rcpt_tos)

    def accept(self, message: bytes, envelope: Envelope) -> str:
        sender, recipients = sender_of(envelope), list(envelope.rcpt_tos)
        queued = self._runner.enqueue(sender, recipients, message)
        self._site.log(
            Event.ACCEPTED,
            f"queues {queued.message_id} as {queued.queue_id} for {', '.join(recipients)}",
            queue_id=queued.queue_id,
            message_id=queued.message_id,
            sender=sender,
            recipients=" ".join(recipients),
            octets=len(message),
        )
        return f"250 2.0.0 Queued as {queued.queue_id}"
