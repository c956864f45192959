"""The relay: takes mail from user agents and other servers, and hands it to the queue runner."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aiosmtpd.smtp import Session as PeerSession
from msgspec.structs import replace

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.forwarding.own_domain import OwnDomain
from testbed.hosts.forwarding.sealing import Finding
from testbed.hosts.mail_host import MailHost
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.servers import MailboxServers
from testbed.hosts.queue.runner import QueueRunner
from testbed.hosts.report_days import Reporting
from testbed.hosts.site import Site
from testbed.hosts.smtp.access import Access
from testbed.hosts.smtp.admission import Admission
from testbed.hosts.smtp.handler import MailHandler
from testbed.hosts.smtp.judge import Judge
from testbed.hosts.smtp.trace_header import peer_address, received
from testbed.protocols import events
from testbed.protocols.header import header_field, named

if TYPE_CHECKING:  # the libraries of signatures take their time: only who signs loads them
    from testbed.hosts.forwarding.signer import Signer

SMTP_PORT = 25
SUBMISSION_PORT = 587
SUBMISSIONS_PORT = 465  # TLS from the first octet (RFC 8314 §3.3)


class Relay(MailHost):
    """A mail server with a queue, and the mailboxes of its own domain."""

    def __init__(
        self,
        site: Site,
        post_office: PostOffice,
        own_domain: OwnDomain,
        runner: QueueRunner,
        access: Access,
        mailbox_servers: MailboxServers,
        reports: Reporting,
        admission: Admission | None = None,
        judge: Judge | None = None,
        signer: Signer | None = None,
        found_by: Judge | None = None,
    ) -> None:
        """``signer`` signs what its own users send, ``found_by`` looks at what is to be sealed; None for nobody."""
        handler = _RelayHandler(site, post_office.domain, own_domain, runner, signer)
        handler.admission, handler.judge, handler.found_by = admission, judge, found_by
        super().__init__(site, post_office, runner, access, mailbox_servers, reports, handler)

    async def _listen(self) -> None:
        await self._serve(SMTP_PORT)
        await self._serve(SUBMISSION_PORT, submission=True)
        if self._access.tls is not None:
            await self._serve(SUBMISSIONS_PORT, submission=True, implicit=True)


class _RelayHandler(MailHandler):
    found_by: Judge | None = None

    def __init__(
        self, site: Site, domain: str, own_domain: OwnDomain, runner: QueueRunner, signer: Signer | None
    ) -> None:
        self.domain = domain
        self._site = site
        self._own_domain = own_domain
        self._runner = runner
        self._signer = signer
        self._found: WeakKeyDictionary[EsmtpEnvelope, Finding] = WeakKeyDictionary()

    def objection(self, recipient: str, session: PeerSession) -> str:
        if self._own_domain.serves(recipient):
            return self._own_domain.refusal(recipient)
        return "" if self._is_own_user(session) else "550 5.7.1 Relaying denied"

    def _is_own_user(self, session: PeerSession) -> bool:
        return bool(session.authenticated) or peer_address(session) in self._site.trusted

    def refusal(self, recipient: str, session: PeerSession) -> str:
        reply = self.objection(recipient, session)
        if reply:
            self._site.log(
                events.Refused(recipient=recipient, status=reply), f"refuses mail for <{recipient}>: {reply}"
            )
        return reply

    def received(self, session: PeerSession, envelope: EsmtpEnvelope) -> bytes:
        return received(self._site, session, envelope)

    async def judged(self, session: PeerSession, envelope: EsmtpEnvelope, content: bytes) -> str:
        refusal = await super().judged(session, envelope, content)
        if not refusal and self.found_by is not None and any(map(self._own_domain.seals, envelope.rcpt_tos)):
            self._found[envelope] = await self._look(self.found_by, session, envelope, content)
        return refusal

    async def _look(self, judge: Judge, session: PeerSession, envelope: EsmtpEnvelope, content: bytes) -> Finding:
        from testbed.authentication import results
        from testbed.authentication.arc import Chain
        from testbed.authentication.reported import results_of

        judgement = await judge.found(session, envelope, content, ("spf", "dkim", "dmarc", "arc"))
        chain = Chain("none", "") if judgement is None or judgement.arc is None else judgement.arc
        return Finding(chain, results.value(self._site.name, () if judgement is None else results_of(judgement)))

    def take(self, session: PeerSession, envelope: EsmtpEnvelope, content: bytes) -> str:
        if self._signer is not None and self._is_own_user(session):
            content = self._signer.signed(content)
        return super().take(session, envelope, content)

    def accept(self, message: bytes, envelope: EsmtpEnvelope) -> str:
        given = envelope.envelope()
        for_bounces = [to for to in given.addresses if self._own_domain.is_for_bounces(to)]
        if for_bounces and given.sender:
            return f"550 5.7.1 <{for_bounces[0]}> takes notifications only"
        onward = [to for to in given.recipients if self._own_domain.passes_on(to.address)]
        others = tuple(to for to in given.recipients if to not in onward)
        queued = [self._runner.enqueue(replace(given, recipients=others), message)] if others else []
        found = self._found.pop(envelope, None)
        queued += [one for to in onward for one in self._own_domain.pass_on(to, given, message, found)]
        queue_id, message_id = queued[0].queue_id if queued else "", header_field(message, "Message-ID")
        self._site.log(
            events.Accepted(
                queue_id=queue_id,
                message_id=message_id,
                sender=given.sender,
                recipients=tuple(given.addresses),
                octets=len(message),
            ),
            f"{'queues' if queued else 'takes'} {named(message_id)} {f'as {queue_id} ' * bool(queued)}"
            f"for {', '.join(given.addresses)}",
        )
        return f"250 2.0.0 Queued as {queue_id}" if queued else "250 2.0.0 Noted"
