"""The receiver: the mail server of Bob's domain, with the mailboxes."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import Envelope, Session

from testbed.hosts.mail_handler import MailHandler, sender_of
from testbed.hosts.mailbox import Mailbox
from testbed.hosts.mailbox_servers import MailboxServers
from testbed.hosts.post_office import PostOffice
from testbed.hosts.site import Site, close, listen
from testbed.hosts.smtp_server import SmtpServer
from testbed.hosts.trace_header import received
from testbed.protocols.events import Event
from testbed.protocols.header import header_field

PORT = 25


class Receiver:
    """Accepts mail for its own mailboxes and for nobody else."""

    def __init__(self, site: Site, post_office: PostOffice, mailbox_servers: MailboxServers) -> None:
        self.name = site.name
        self._site = site
        self._post_office = post_office
        self._mailbox_servers = mailbox_servers
        self._servers: list[asyncio.Server] = []
        self._handler = _ReceiverHandler(site, post_office)

    @property
    def mailboxes(self) -> dict[str, Mailbox]:
        """Mailboxes by address."""
        return self._post_office.mailboxes

    async def start(self) -> None:
        """Listen on port 25, and where mailboxes are read."""
        self._servers = await listen(lambda: SmtpServer(self._handler, self._site), self._site.addresses, (PORT,))
        await self._mailbox_servers.start()

    async def settled(self) -> None:
        """A receiver stores before it answers, so nothing is ever in progress."""

    async def stop(self) -> None:
        """Close the sockets."""
        await close(self._servers)
        await self._mailbox_servers.stop()

    def inventory(self) -> None:
        """Log every message in every mailbox."""
        self._post_office.inventory()


class _ReceiverHandler(MailHandler):
    def __init__(self, site: Site, post_office: PostOffice) -> None:
        self._site = site
        self._post_office = post_office

    def refusal(self, recipient: str, peer: str) -> str:
        if not self._post_office.serves(recipient):
            reply = "550 5.7.1 Relaying denied"
        else:
            reply = self._post_office.refusal(recipient)
        if reply:
            self._site.log(Event.REFUSED, f"refuses mail for <{recipient}>: {reply}", recipient=recipient, status=reply)
        return reply

    def received(self, session: Session, envelope: Envelope) -> bytes:
        return received(self._site, session, envelope.rcpt_tos)

    def accept(self, message: bytes, envelope: Envelope) -> str:
        recipients = list(envelope.rcpt_tos)
        for recipient in recipients:
            if not self._post_office.has_room(recipient, len(message)):
                reply = "452 4.2.2 Mailbox full"
                self._site.log(
                    Event.REFUSED,
                    f"no room for {len(message)} octets in the mailbox of <{recipient}>",
                    recipient=recipient,
                    status=reply,
                )
                return reply
        sender, message_id = sender_of(envelope), header_field(message, "Message-ID")
        for recipient in recipients:
            self._post_office.store(recipient, message, sender=sender)
        self._site.log(
            Event.ACCEPTED,
            f"takes {message_id} for {', '.join(recipients)}",
            message_id=message_id,
            sender=sender,
            recipients=" ".join(recipients),
            octets=len(message),
        )
        return "250 2.0.0 Message stored"
