"""The relay: takes mail from user agents and other servers, and hands it to the queue runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiosmtpd.smtp import Session as PeerSession

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.mail_host import MailHost
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.servers import MailboxServers
from testbed.hosts.queue.runner import QueueRunner
from testbed.hosts.site import Site
from testbed.hosts.smtp.access import Access
from testbed.hosts.smtp.admission import Admission
from testbed.hosts.smtp.handler import MailHandler
from testbed.hosts.smtp.judge import Judge
from testbed.hosts.smtp.trace_header import peer_address, received
from testbed.protocols import events
from testbed.protocols.header import named

SMTP_PORT = 25
SUBMISSION_PORT = 587
SUBMISSIONS_PORT = 465  # TLS from the first octet (RFC 8314 §3.3)


class Relay(MailHost):
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
        judge: Judge | None = None,
    ) -> None:
        handler = _RelayHandler(site, post_office, runner, forward)
        handler.admission, handler.judge = admission, judge
        super().__init__(site, post_office, runner, access, mailbox_servers, handler)

    async def _listen(self) -> None:
        await self._serve(SMTP_PORT)
        await self._serve(SUBMISSION_PORT, submission=True)
        if self._access.tls is not None:
            await self._serve(SUBMISSIONS_PORT, submission=True, implicit=True)


class _RelayHandler(MailHandler):
    def __init__(self, site: Site, post_office: PostOffice, runner: QueueRunner, forward: Mapping[str, str]) -> None:
        self.domain = post_office.domain
        self._site = site
        self._post_office = post_office
        self._runner = runner
        self._forward = forward

    def _goes_on_to(self, recipient: str) -> str:
        """Where the mail of a recipient is forwarded, ``""`` where it is not."""
        local, _, _ = recipient.rpartition("@")
        return self._forward.get(local, "") if self._post_office.serves(recipient) else ""

    def objection(self, recipient: str, session: PeerSession) -> str:
        if self._goes_on_to(recipient):
            return ""
        if self._post_office.serves(recipient):
            return self._post_office.refusal(recipient)
        known = session.authenticated or peer_address(session) in self._site.trusted
        return "" if known else "550 5.7.1 Relaying denied"

    def refusal(self, recipient: str, session: PeerSession) -> str:
        reply = self.objection(recipient, session)
        if reply:
            self._site.log(
                events.Refused(recipient=recipient, status=reply), f"refuses mail for <{recipient}>: {reply}"
            )
        return reply

    def received(self, session: PeerSession, envelope: EsmtpEnvelope) -> bytes:
        return received(self._site, session, envelope)

    def accept(self, message: bytes, envelope: EsmtpEnvelope) -> str:
        sender, recipients = envelope.sender, list(envelope.rcpt_tos)
        targets = [self._goes_on_to(recipient) or recipient for recipient in recipients]
        onward = [replace(to, address=target) for to, target in zip(envelope.recipients, targets, strict=True)]
        queued = self._runner.enqueue(replace(envelope.envelope(), recipients=tuple(onward)), message)
        self._site.log(
            events.Accepted(
                queue_id=queued.queue_id,
                message_id=queued.message_id,
                sender=sender,
                recipients=tuple(recipients),
                octets=len(message),
            ),
            f"queues {named(queued.message_id)} as {queued.queue_id} for {', '.join(recipients)}",
        )
        for recipient, target in zip(recipients, targets, strict=True):
            if target != recipient:
                self._site.log(
                    events.Forwarded(
                        queue_id=queued.queue_id, message_id=queued.message_id, recipient=recipient, target=target
                    ),
                    f"{queued.queue_id}: mail for <{recipient}> goes on to <{target}>",
                )
        return f"250 2.0.0 Queued as {queued.queue_id}"
