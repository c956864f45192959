"""The user agent: somebody's mail program.  It composes and submits; what fails stays in its outbox, if so asked.

It reads what has come for its owner, too.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct
from msgspec.structs import replace

from testbed.durations import DAY, SECOND, format_duration
from testbed.hosts.composition import Submission, compose, message_id
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import Envelope
from testbed.hosts.reading.reader import MailReader
from testbed.hosts.sending.delivery import DeliverySession
from testbed.hosts.sending.results import DeliveryResult, HopFailed
from testbed.hosts.sending.security import CredentialsRefused
from testbed.hosts.sending.wanted_security import Security
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.scenario.steps import ReadStep

_PATIENCE_NS = 5 * DAY  # as patient as a relay


class Account(Struct, frozen=True):
    """Where somebody submits mail, and how."""

    server: str
    port: int
    security: Security


class UserAgent:
    """Submits to one server, whose name it looks up first; without ``account`` it only reads its ``owner``'s mail.

    ``retry_ns`` is when it submits again what was refused for now, None for never; it gives up after five days.
    """

    def __init__(
        self,
        site: Site,
        owner: str,
        account: Account | None,
        families: tuple[str, ...],
        retry_ns: int | None = None,
    ) -> None:
        self.name = site.name
        self._site = site
        self._account = account
        self._server = account.server if account is not None else ""
        self._families = families
        self._retry_ns = retry_ns
        self._resolver = Resolver(site)
        self._reader = MailReader(site, families, self._filed_draft)
        self._owner = owner
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
        """Leave in the outbox what is there, and break off reading that still goes on."""
        waiting = list(self._outbox)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._reader.stop()

    def inventory(self) -> None:
        """A user agent keeps no mail for others."""

    async def send(self, draft: Submission) -> None:
        """Compose a message and submit it.

        What the server refuses is logged.  What it refuses for now (class 4) stays in the outbox and is submitted
        again, where the draft or the user agent says when.
        """
        message_id = self._next_message_id()
        content = compose(draft, message_id, self._site.date())
        left = await self._try(message_id, draft.envelope, content)
        retry_ns = self._retry_ns if draft.retry_ns is None else draft.retry_ns
        if left.recipients and retry_ns is not None:
            again = asyncio.create_task(self._try_again(message_id, left, content, retry_ns))
            self._outbox.add(again)
            again.add_done_callback(self._outbox.discard)

    async def _try_again(self, message_id: str, envelope: Envelope, content: bytes, retry_ns: int) -> None:
        for _ in range(_PATIENCE_NS // retry_ns):
            if not envelope.recipients:
                return
            pause = format_duration(retry_ns)
            self._site.log(
                events.KeptInOutbox(
                    message_id=message_id,
                    sender=envelope.sender,
                    recipients=tuple(envelope.addresses),
                    retry_in=retry_ns // SECOND,
                ),
                f"{message_id} for {', '.join(envelope.addresses)} stays in the outbox; next attempt in {pause}",
            )
            await asyncio.sleep(retry_ns / SECOND)
            envelope = await self._try(message_id, envelope, content)

    async def _try(self, message_id: str, envelope: Envelope, content: bytes) -> Envelope:
        """Submit a message once; what is left of its envelope are the recipients worth another attempt."""
        async with self._trying:
            refused = await self._submit(envelope, content)
        accepted = [address for address in envelope.addresses if address not in refused]
        if accepted:
            self._site.log(
                events.Submitted(message_id=message_id, sender=envelope.sender, recipients=tuple(accepted)),
                f"{envelope.sender} hands {message_id} for {', '.join(accepted)} to {self._server}",
            )
        for recipient, result in refused.items():
            self._site.log(
                events.SubmissionFailed(
                    message_id=message_id, sender=envelope.sender, recipients=(recipient,), status=str(result)
                ),
                f"{self._server} does not take {message_id} for {recipient}: {result}",
            )
        again = [to for to in envelope.recipients if to.address in refused and not refused[to.address].permanent]
        return replace(envelope, recipients=tuple(again))

    async def read(self, step: ReadStep, server: str, password: str) -> None:
        """Read a mailbox at its server; what goes wrong is logged."""
        await self._reader.read(step, server, password)

    def _filed_draft(self, size: int) -> bytes:
        draft = Submission(self._owner, (self._owner,), "Draft", "To be sent one day.", size=size)
        return compose(draft, self._next_message_id(), self._site.date())

    async def _submit(self, envelope: Envelope, content: bytes) -> dict[str, DeliveryResult]:
        account = self._account
        assert account is not None  # a scenario whose agent submits says where
        reason = DeliveryResult(0, "4.4.4", f"the name {self._server} has no address")
        for kind in self._families:
            for address in (await self._resolver.ask(self._server, kind)).records:
                session = DeliverySession(self._site, address, account.port, account.security, pipelining=False)
                try:
                    await session.open()
                except CredentialsRefused as refused:
                    return dict.fromkeys(envelope.addresses, refused.result)
                except HopFailed as failed:
                    reason = failed.result
                    continue
                results = await session.send(envelope, content)
                await session.quit()
                return {r: result for r, result in results.items() if not result.taken}
        return dict.fromkeys(envelope.addresses, reason)

    def _next_message_id(self) -> str:
        self._sent += 1
        return message_id(self._sent, self._site.now(), self.name)
