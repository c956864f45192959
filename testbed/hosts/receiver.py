"""The receiver: the mail server of Bob's domain, with the mailboxes."""

from __future__ import annotations

from aiosmtpd.smtp import Session

from testbed.hosts.envelope import EnvelopeRecipient, EsmtpEnvelope
from testbed.hosts.mail_host import MailHost
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.rules import Sorter
from testbed.hosts.mailboxes.servers import MailboxServers
from testbed.hosts.policy_host import PolicyHost
from testbed.hosts.queue.notifications import Subject, success
from testbed.hosts.queue.runner import QueueRunner
from testbed.hosts.report_days import Reporting
from testbed.hosts.site import Site
from testbed.hosts.smtp.access import Access
from testbed.hosts.smtp.admission import Admission
from testbed.hosts.smtp.handler import MailHandler
from testbed.hosts.smtp.judge import Judge
from testbed.hosts.smtp.trace_header import received
from testbed.protocols import events
from testbed.protocols.header import header_field, named

PORT = 25


class Receiver(MailHost):
    """Accepts mail for its own mailboxes and for nobody else.  What it queues are notices to senders who asked."""

    def __init__(
        self,
        site: Site,
        post_office: PostOffice,
        runner: QueueRunner,
        access: Access,
        mailbox_servers: MailboxServers,
        reports: Reporting,
        admission: Admission | None = None,
        judge: Judge | None = None,
        *,
        smtp: bool = True,
        lmtp: int | None = None,
        policy_host: PolicyHost | None = None,
    ) -> None:
        """``smtp`` tells whether it takes mail by SMTP, ``lmtp`` at which port it does by LMTP.

        ``policy_host`` serves its domain's MTA-STS policy.
        """
        handler = _ReceiverHandler(site, post_office, runner)
        handler.admission, handler.judge = admission, judge
        super().__init__(site, post_office, runner, access, mailbox_servers, reports, handler)
        self._smtp = smtp
        self._lmtp = lmtp
        self._policy_host = policy_host

    async def _listen(self) -> None:
        if self._smtp:
            await self._serve(PORT)
        if self._lmtp is not None:
            await self._serve(self._lmtp, lmtp=True)
        if self._policy_host is not None:
            self._servers += await self._policy_host.start()


class _ReceiverHandler(MailHandler):
    def __init__(self, site: Site, post_office: PostOffice, runner: QueueRunner) -> None:
        self.domain = post_office.domain
        self._site = site
        self._post_office = post_office
        self._runner = runner
        self._sorter = Sorter(site, post_office, runner)
        self._taken = 0

    def objection(self, recipient: str, session: Session) -> str:
        if not self._post_office.serves(recipient):
            return "550 5.7.1 Relaying denied"
        return self._post_office.refusal(recipient)

    def refusal(self, recipient: str, session: Session) -> str:
        reply = self.objection(recipient, session)
        if reply:
            self._site.log(
                events.Refused(recipient=recipient, status=reply), f"refuses mail for <{recipient}>: {reply}"
            )
        return reply

    def received(self, session: Session, envelope: EsmtpEnvelope) -> bytes:
        return received(self._site, session, envelope)

    def accept(self, message: bytes, envelope: EsmtpEnvelope) -> str:
        recipients = list(envelope.rcpt_tos)
        for recipient in recipients:
            if not self._post_office.has_room(recipient, len(message)):
                reply = "452 4.2.2 Mailbox full"
                self._site.log(
                    events.Refused(recipient=recipient, status=reply),
                    f"no room for {len(message)} octets in the mailbox of <{recipient}>",
                )
                return reply
        sender, message_id = envelope.sender, header_field(message, "Message-ID")
        self._taken += 1
        subject = Subject(f"R{self._taken}", sender, message_id, self._site.now(), envelope.parameters, lambda: message)
        junk = envelope.verdict is not None and envelope.verdict.junk
        kept = [to for to in envelope.recipients if self._sorter.deliver(to, message, subject, junk=junk)]
        self._site.log(
            events.Accepted(message_id=message_id, sender=sender, recipients=tuple(recipients), octets=len(message)),
            f"takes {named(message_id)} for {', '.join(recipients)}",
        )
        self._tell_of_success(subject, kept)
        return "250 2.0.0 Message stored"

    def _tell_of_success(self, subject: Subject, kept: list[EnvelopeRecipient]) -> None:
        """Mail in a mailbox is delivered, and who asked is told (RFC 3461 §5.2.3)."""
        reports = [report for to in kept for report in success(to.address, to.parameters, "it lies in the mailbox")]
        self._runner.notifier.tell("delivered", subject, reports)
