"""The user agent: Alice's mail program.  It composes, submits, and does not queue."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from testbed.hosts.client_security import CredentialsRefused
from testbed.hosts.delivery import Security, Session
from testbed.hosts.resolver import Resolver
from testbed.hosts.results import HopFailed, Result
from testbed.hosts.site import Site
from testbed.protocols.events import Event

_PATIENCE_S = 5 * 86_400.0


@dataclass(frozen=True, slots=True)
class Account:
    """Where somebody submits mail, and how."""

    server: str
    port: int
    security: Security


class UserAgent:
    """Submits to one server, whose name it looks up first.

    ``retry_ns`` is when it submits again what was refused for now, None for never; it gives up after five days.
    """

    def __init__(self, site: Site, account: Account, families: tuple[str, ...], retry_ns: int | None = None) -> None:
        self.name = site.name
        self._site = site
        self._account = account
        self._server = account.server
        self._families = families
        self._retry_s = None if retry_ns is None else retry_ns / 1e9
        self._resolver = Resolver(site)
        self._sent = 0
        self._waiting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """A user agent listens to nobody."""

    async def settled(self) -> None:
        """Sending is awaited by the step that asks for it, and sending again is for later."""

    async def stop(self) -> None:
        """Nothing is sent again any more."""
        waiting = list(self._waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def inventory(self) -> None:
        """A user agent keeps no mail for others."""

    async def send(self, sender: str, recipients: tuple[str, ...], subject: str, body: str, size: int | None) -> None:
        """Compose a message and submit it; what is refused for now is sent again, where the user agent does so."""
        message_id = self._next_message_id()
        content = self._compose(message_id, sender, recipients, subject, body, size)
        postponed = await self._hand_over(message_id, sender, recipients, content)
        if postponed and self._retry_s is not None:
            task = asyncio.create_task(self._send_again(message_id, sender, postponed, content, self._retry_s))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _send_again(
        self, message_id: str, sender: str, recipients: tuple[str, ...], content: bytes, every_s: float
    ) -> None:
        for _ in range(int(_PATIENCE_S // every_s)):
            await asyncio.sleep(every_s)
            recipients = await self._hand_over(message_id, sender, recipients, content)
            if not recipients:
                return

    async def _hand_over(
        self, message_id: str, sender: str, recipients: tuple[str, ...], content: bytes
    ) -> tuple[str, ...]:
        """Submit once; gives the recipients for whom it may be tried again."""
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
                session = Session(self._site, address, self._account.port, self._account.security)
                try:
                    await session.open()
                except CredentialsRefused as refused:
                    return dict.fromkeys(recipients, refused.result)
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
