"""The user agent: Alice's mail program.  It composes and submits; what fails stays in its outbox, if so asked."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from email.policy import SMTP

from testbed.hosts.delivery import HopFailed, Result, Session
from testbed.hosts.resolver import Resolver
from testbed.hosts.site import Site
from testbed.protocols.events import Event
from testbed.scenario.units import format_duration


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
        self._outbox: set[asyncio.Task[None]] = set()
        self._trying = asyncio.Lock()

    async def start(self) -> None:
        """A user agent listens to nobody."""

    async def settled(self) -> None:
        """Return when nothing is being submitted; the step that asks for it awaits the first attempt itself."""
        async with self._trying:
            pass

    async def stop(self) -> None:
        """Leave in the outbox what is there."""
        for waiting in self._outbox:
            waiting.cancel()

    def inventory(self) -> None:
        """A user agent keeps no mail for others."""

    async def send(
        self,
        sender: str,
        recipients: tuple[str, ...],
        subject: str,
        body: str,
        size: int | None,
        retry_ns: int | None = None,
    ) -> None:
        """Compose a message and submit it.

        What the server refuses is logged.  With ``retry_ns`` it is tried again after that time, as often as it fails
        for now (a class 4 status).
        """
        message_id = self._next_message_id()
        content = self._compose(message_id, sender, recipients, subject, body, size)
        left = await self._try(message_id, sender, recipients, content)
        if left and retry_ns is not None:
            again = asyncio.create_task(self._try_again(message_id, sender, left, content, retry_ns))
            self._outbox.add(again)
            again.add_done_callback(self._outbox.discard)

    async def _try_again(
        self, message_id: str, sender: str, recipients: tuple[str, ...], content: bytes, retry_ns: int
    ) -> None:
        while recipients:
            minutes = format_duration(retry_ns)
            self._site.log(
                Event.KEPT,
                f"{message_id} for {', '.join(recipients)} stays in the outbox; next attempt in {minutes}",
                message_id=message_id,
                sender=sender,
                recipients=" ".join(recipients),
                retry_in=retry_ns // 1_000_000_000,
            )
            await asyncio.sleep(retry_ns / 1e9)
            recipients = await self._try(message_id, sender, recipients, content)

    async def _try(self, message_id: str, sender: str, recipients: tuple[str, ...], content: bytes) -> tuple[str, ...]:
        """Submit a message once; the recipients worth another attempt."""
        async with self._trying:
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
        for recipient, result in refused.items():
            self._site.log(
                Event.SUBMISSION_FAILED,
                f"{self._server} does not take {message_id} for {recipient}: {result}",
                message_id=message_id,
                sender=sender,
                recipients=recipient,
                status=str(result),
            )
        return tuple(recipient for recipient, result in refused.items() if not result.permanent)

    async def _submit(self, sender: str, recipients: tuple[str, ...], content: bytes) -> dict[str, Result]:
        reason = Result(0, "4.4.4", f"the name {self._server} has no address")
        for kind in self._families:
            for address in (await self._resolver.ask(self._server, kind)).records:
                session = Session(self._site, address, self._port)
                try:
                    await session.open()
                except HopFailed as failed:
                    reason = failed.result
                    continue
                results = await session.send(sender, list(recipients), content)
                await session.quit()
                return {r: result for r, result in results.items() if not result.taken}
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
