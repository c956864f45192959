"""What aiosmtpd asks a mail host: the questions of the dialogue, and the three a kind of host answers itself."""

from __future__ import annotations

from aiosmtpd.smtp import SMTP, Envelope, Session

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.smtp.admission import Admission
from testbed.hosts.smtp.commands import EsmtpCommands
from testbed.hosts.smtp.judge import Judge
from testbed.hosts.smtp.trace_header import peer_address


class MailHandler:
    """What aiosmtpd asks a mail host; the three questions subclasses answer are the last three methods."""

    domain = ""
    """The host's own, whose postmaster needs no domain."""

    admission: Admission | None = None
    """What the host does not take at present; None for nothing."""

    judge: Judge | None = None
    """Who checks whom mail of strangers is from; None for nobody."""

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        assert isinstance(server, EsmtpCommands)
        session.host_name = hostname
        extended = [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", "250-DSN", responses[-1]]
        return server.announced(extended)

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self.admission.mail(peer_address(session)) if self.admission else ""
        if refusal:
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: EsmtpEnvelope, address: str, options: list[str]
    ) -> str:
        refusal = self.refusal(address, session)
        if not refusal and self.judge:
            refusal = await self.judge.recipient(session, envelope, address)
        if not refusal and self.admission:
            refusal = self.admission.recipient(peer_address(session), envelope.sender, address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    def admits(self, session: Session, content: bytes) -> str:
        """Why a message is not taken at present, as a reply, or ``""``; it counts then."""
        return self.admission.message(peer_address(session), content) if self.admission else ""

    async def judged(self, session: Session, envelope: EsmtpEnvelope, content: bytes) -> str:
        """Why a message is not taken for who it is from, as a reply, or ``""``."""
        return await self.judge.message(session, envelope, content) if self.judge else ""

    def take(self, session: Session, envelope: EsmtpEnvelope, content: bytes) -> str:
        """Take responsibility for a message, with its trace header, and give the reply."""
        content = envelope.verdict.applied(content) if envelope.verdict else content
        return self.accept(self.received(session, envelope) + content, envelope)

    def whole_address(self, recipient: str) -> str:
        """The recipient with a domain: ``RCPT TO:<postmaster>``, in any case, is the host's own (RFC 5321 §4.5.1)."""
        return f"postmaster@{self.domain}" if recipient.lower() == "postmaster" else recipient

    def refusal(self, recipient: str, session: Session) -> str:
        """Why RCPT is refused, as a reply, or ``""``."""
        raise NotImplementedError

    def objection(self, recipient: str, session: Session) -> str:
        """The same where nothing is to come of the question, not even an entry in the log."""
        return ""

    def received(self, session: Session, envelope: EsmtpEnvelope) -> bytes:
        """The trace header to put on top (RFC 5321 §4.4)."""
        raise NotImplementedError

    def accept(self, message: bytes, envelope: EsmtpEnvelope) -> str:
        """Take responsibility for a message, durably, and give the reply to the final dot."""
        raise NotImplementedError
