"""The user agent: Alice's mail program.  It composes, submits, and does not queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from testbed.hosts.delivery import HopFailed, Session
from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.resolver import Resolver
from testbed.hosts.site import Site
from testbed.protocols.esmtp import MailParameters, RcptParameters
from testbed.protocols.events import Event


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to send.  ``size`` pads the text to about so many octets; ``parameters`` are for all."""

    sender: str
    to: tuple[str, ...]
    subject: str
    body: str
    bcc: tuple[str, ...] = ()
    size: int = 0
    ret: str = ""
    envelope_id: str = ""
    parameters: RcptParameters = field(default_factory=RcptParameters)

    @property
    def envelope(self) -> Envelope:
        """Who gets it, Bcc included."""
        recipients = tuple(EnvelopeRecipient(address, self.parameters) for address in (*self.to, *self.bcc))
        return Envelope(self.sender, recipients, MailParameters(ret=self.ret, envid=self.envelope_id))

    @property
    def is_ascii(self) -> bool:
        """Whether the addresses the header names are ASCII."""
        return all(address.isascii() for address in (self.sender, *self.to))


class UserAgent:
    """Submits to one server, whose name it looks up first."""

    def __init__(self, site: Site, server: str, port: int, families: tuple[str, ...]) -> None:
        self.name = site.name
        self._site = site
        self._server = server
        self._port = port
        self._families = families
        self._resolver = Resolver(site)
        self._sent = 0

    async def start(self) -> None:
        """A user agent listens to nobody."""

    async def settled(self) -> None:
        """Sending is awaited by the step that asks for it."""

    async def stop(self) -> None:
        """Nothing to close."""

    def inventory(self) -> None:
        """A user agent keeps no mail for others."""

    async def send(self, draft: Draft) -> None:
        """Compose a message and submit it; what the server refuses is logged, not tried again."""
        message_id = self._next_message_id()
        refused = await self._submit(draft.envelope, self._compose(message_id, draft))
        accepted = [address for address in draft.envelope.addresses if address not in refused]
        if accepted:
            self._site.log(
                Event.SUBMITTED,
                f"{draft.sender} hands {message_id} for {', '.join(accepted)} to {self._server}",
                message_id=message_id,
                sender=draft.sender,
                recipients=" ".join(accepted),
            )
        for recipient, status in refused.items():
            self._site.log(
                Event.SUBMISSION_FAILED,
                f"{self._server} does not take {message_id} for {recipient}: {status}",
                message_id=message_id,
                sender=draft.sender,
                recipients=recipient,
                status=status,
            )

    async def _submit(self, envelope: Envelope, content: bytes) -> dict[str, str]:
        reason = f"4.4.4 the name {self._server} has no address"
        for kind in self._families:
            for address in (await self._resolver.ask(self._server, kind)).records:
                session = Session(self._site, address, self._port, pipelining=False)
                try:
                    await session.open()
                except HopFailed as failed:
                    reason = str(failed.result)
                    continue
                results = await session.send(envelope, content)
                await session.quit()
                return {r: str(result) for r, result in results.items() if not result.taken}
        return dict.fromkeys(envelope.addresses, reason)

    def _next_message_id(self) -> str:
        self._sent += 1
        return f"<{self._sent}.{self._site.now():.0f}@{self.name}>"

    def _compose(self, message_id: str, draft: Draft) -> bytes:
        message = EmailMessage(policy=SMTP if draft.is_ascii else SMTPUTF8)
        message["From"] = draft.sender
        message["To"] = ", ".join(draft.to)
        message["Subject"] = draft.subject
        message["Date"] = self._site.date()
        message["Message-ID"] = message_id
        message.set_content(draft.body + "\n" + _padding(draft.size))
        return message.as_bytes()


def _padding(size: int) -> str:
    """Text of about ``size`` octets once its line ends are CRLF."""
    line = "The quick brown fox jumps over the lazy dog, and the mail gets through.\n"
    return line * (size // (len(line) + 1))
