"""The user agent: somebody's mail program.  It composes, submits and does not queue; it reads what has come."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

from testbed.hosts.delivery import HopFailed, Session
from testbed.hosts.reader import Reader
from testbed.hosts.resolver import Resolver
from testbed.hosts.site import Site
from testbed.protocols.events import Event
from testbed.scenario.steps import ReadStep


class UserAgent:
    """Submits to one server, whose name it looks up first; without ``server`` it only reads its ``owner``'s mail."""

    def __init__(self, site: Site, owner: str, server: str | None, port: int, families: tuple[str, ...]) -> None:
        self.name = site.name
        self._site = site
        self._server = server
        self._port = port
        self._families = families
        self._resolver = Resolver(site)
        self._reader = Reader(site, families, self._draft)
        self._owner = owner
        self._sent = 0

    async def start(self) -> None:
        """A user agent listens to nobody."""

    async def settled(self) -> None:
        """Sending is awaited by the step that asks for it."""

    async def stop(self) -> None:
        """Break off reading that still goes on."""
        await self._reader.stop()

    def inventory(self) -> None:
        """A user agent keeps no mail for others."""

    async def send(self, sender: str, recipients: tuple[str, ...], subject: str, body: str, size: int | None) -> None:
        """Compose a message and submit it; what the server refuses is logged, not tried again."""
        message_id = self._next_message_id()
        content = self._compose(message_id, sender, recipients, subject, body, size)
        refused = await self._submit(sender, recipients, content)
        accepted = [recipient for recipient in recipients if recipient not in refused]
        if accepted:
            self._site.log(
                Event.SUBMITTED,
                f"{sender} hands {message_id} for {', '.join(accepted)} to {self._server}",
                message_id=message_id,
                sender=sender,
                recipients=" ".join(accepted),
            )
        for recipient, status in refused.items():
            self._site.log(
                Event.SUBMISSION_FAILED,
                f"{self._server} does not take {message_id} for {recipient}: {status}",
                message_id=message_id,
                sender=sender,
                recipients=recipient,
                status=status,
            )

    async def read(self, step: ReadStep, server: str, password: str) -> None:
        """Read a mailbox at its server; what goes wrong is logged."""
        await self._reader.read(step, server, password)

    def _draft(self, size: int) -> bytes:
        return self._compose(self._next_message_id(), self._owner, (self._owner,), "Draft", "To be sent one day.", size)

    async def _submit(self, sender: str, recipients: tuple[str, ...], content: bytes) -> dict[str, str]:
        assert self._server is not None  # a scenario whose agent submits says where
        reason = f"4.4.4 the name {self._server} has no address"
        for kind in self._families:
            for address in (await self._resolver.ask(self._server, kind)).records:
                session = Session(self._site, address, self._port)
                try:
                    await session.open()
                except HopFailed as failed:
                    reason = str(failed.result)
                    continue
                results = await session.send(sender, list(recipients), content)
                await session.quit()
                return {r: str(result) for r, result in results.items() if not result.taken}
        return dict.fromkeys(recipients, reason)

    def _next_message_id(self) -> str:
        self._sent += 1
        return f"<{self._sent}.{self._site.now():.0f}@{self.name}>"

    def _compose(
        self,
        message_id: str,
        sender: str,
        recipients: tuple[str, ...],
        subject: str,
        body: str,
        size: int | None,
    ) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = sender
        message["To"] = ", ".join(recipients)
        message["Subject"] = subject
        message["Date"] = self._site.date()
        message["Message-ID"] = message_id
        message.set_content(body + "\n" + _padding(size))
        return message.as_bytes()


def _padding(size: int | None) -> str:
    """Text of about ``size`` octets once its line ends are CRLF."""
    line = "The quick brown fox jumps over the lazy dog, and the mail gets through.\n"
    return line * ((size or 0) // (len(line) + 1))
