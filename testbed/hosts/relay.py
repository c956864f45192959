"""The relay: takes mail from user agents and other servers, and hands it to the queue runner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from aiosmtpd.smtp import Session as PeerSession

from testbed.hosts.admission import Admission
from testbed.hosts.envelope import Transaction
from testbed.hosts.mail_handler import MailHandler
from testbed.hosts.mailbox import Mailbox
from testbed.hosts.mailbox_servers import MailboxServers
from testbed.hosts.post_office import PostOffice
from testbed.hosts.queue_runner import QueueRunner
from testbed.hosts.secure_server import Access
from testbed.hosts.site import Site, close, listen
from testbed.hosts.trace_header import peer_address, received
from testbed.protocols.events import Event

SMTP_PORT = 25
SUBMISSION_PORT = 587
SUBMISSIONS_PORT = 465  # TLS from the first octet (RFC 8314 §3.3)


class Relay:
    """A mail server with a queue, and the mailboxes of its own domain."""

    def __init__(
        self,
        site: Site,
        post_office: PostOffice,
        runner: QueueRunner,
        forward: Mapping[str, str],
        access: Access,
        mailbox_servers: MailboxServers,
        admission: Admission | None = None,
    ) -> None:
        self.name = site.name
        self._site = site
        self._access = access
        self._post_office = post_office
        self._runner = runner
        self._mailbox_servers = mailbox_servers
        self._handler = _RelayHandler(site, post_office, runner, forward)
        self._handler.admission = admission
        self._servers: list[asyncio.Server] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def mailboxes(self) -> dict[str, Mailbox]:
        """Mailboxes of the relay's own domain, by address."""
        return self._post_office.mailboxes

    async def start(self) -> None:
        """Listen for other servers and for user agents, and work through the queue."""
        serve = partial(self._access.serve, self._handler, self._site)
        addresses, buffer = self._site.addresses, self._site.receive_buffer
        self._servers = [
            *await listen(serve, addresses, (SMTP_PORT,), buffer),
            *await listen(partial(serve, submission=True), addresses, (SUBMISSION_PORT,), buffer),
        ]
        if self._access.tls is not None:
            implicit = partial(serve, submission=True, implicit=True)
            self._servers += await listen(implicit, addresses, (SUBMISSIONS_PORT,), buffer)
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

    def crash(self) -> None:
        """Stop in the middle of everything; the queue is on disk."""
        for server in self._servers:
            server.close()
        if self._running is not None:
            self._running.cancel()
        self._mailbox_servers.crash()
        self._site.connections.cut()

    def inventory(self) -> None:
        """Log what the mailboxes and the queue hold."""
        self._post_office.inventory()
        self._runner.inventory()


class _RelayHandler(MailHandler):
    def __init__(self, site: Site, post_office: PostOffice, runner: QueueRunner, forward: Mapping[str, str]) -> None:
        self._site = site
        self._post_office = post_office
        self._runner = runner
        self._forward = forward

    def _goes_on_to(self, recipient: str) -> str:
        """Where the mail of a recipient is forwarded, ``""`` where it is not."""
        local, _, _ = recipient.rpartition("@")
        return self._forward.get(local, "") if self._post_office.serves(recipient) else ""

    def refusal(self, recipient: str, session: PeerSession) -> str:
        if self._goes_on_to(recipient):
            reply = ""
        elif self._post_office.serves(recipient):
            reply = self._post_office.refusal(recipient)
        elif session.authenticated or peer_address(session) in self._site.trusted:
            reply = ""
        else:
            reply = "550 5.7.1 Relaying denied"
        if reply:
            self._site.log(Event.REFUSED, f"refuses mail for <{recipient}>: {reply}", recipient=recipient, status=reply)
        return reply

    def received(self, session: PeerSession, envelope: Transaction) -> bytes:
        return received(self._site, session, envelope)

    def accept(self, message: bytes, envelope: Transaction) -> str:
        sender, recipients = envelope.sender, list(envelope.rcpt_tos)
        targets = [self._goes_on_to(recipient) or recipient for recipient in recipients]
        onward = [replace(to, address=target) for to, target in zip(envelope.recipients, targets, strict=True)]
        queued = self._runner.enqueue(replace(envelope.envelope(), recipients=tuple(onward)), message)
        self._site.log(
            Event.ACCEPTED,
            f"queues {queued.message_id} as {queued.queue_id} for {', '.join(recipients)}",
            queue_id=queued.queue_id,
            message_id=queued.message_id,
            sender=sender,
            recipients=" ".join(recipients),
            octets=len(message),
        )
        for recipient, target in zip(recipients, targets, strict=True):
            if target != recipient:
                self._site.log(
                    Event.FORWARDED,
                    f"{queued.queue_id}: mail for <{recipient}> goes on to <{target}>",
                    queue_id=queued.queue_id,
                    message_id=queued.message_id,
                    recipient=recipient,
                    target=target,
                )
        return f"250 2.0.0 Queued as {queued.queue_id}"
