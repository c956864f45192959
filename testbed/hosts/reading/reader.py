"""How a user agent reads its owner's mail: it pulls, by POP3 or IMAP, what SMTP has pushed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from testbed.durations import SECOND
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.mailboxes.mailbox import INBOX
from testbed.hosts.reading.client import CommandRefused, ReadingClient, ReadingFailed
from testbed.hosts.reading.imap_client import ImapClient
from testbed.hosts.reading.pop3_client import Pop3Client
from testbed.hosts.reading.web_client import VisitFailed, visit
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.header import header_field, named
from testbed.scenario.steps import ReadStep

_Act = Callable[[], Awaitable[None]]
Compose = Callable[[int], bytes]
"""Makes a message of about so many octets, to be filed by APPEND."""


class MailReader:
    """Reads on behalf of one user agent.  What goes wrong is logged; whoever reads tries again when he likes."""

    def __init__(self, site: Site, families: tuple[str, ...], compose: Compose) -> None:
        self._site = site
        self._families = families
        self._compose = compose
        self._resolver = Resolver(site)
        self._staying: set[asyncio.Task[None]] = set()

    async def read(self, step: ReadStep, server: str, password: str) -> None:
        """Do what a step says, at the server that has the mailbox; its ``stay`` goes on meanwhile."""
        try:
            address = await self._address(server)
            await {"pop3": self._by_pop3, "imap": self._by_imap, "web": self._by_web}[step.via](
                step, server, address, password
            )
        except ReadingFailed as failed:
            self._failed(step, failed)

    async def stop(self) -> None:
        """Break off what is still going on."""
        for task in self._staying:
            task.cancel()
        await asyncio.gather(*self._staying, return_exceptions=True)

    async def _address(self, server: str) -> str:
        for kind in self._families:
            for address in (await self._resolver.ask(server, kind)).records:
                return address
        raise ReadingFailed(f"the name {server} has no address")

    async def _by_pop3(self, step: ReadStep, server: str, address: str, password: str) -> None:
        client = await Pop3Client.open(self._site, server, address, step.tls)
        try:
            await client.login(step.login, password)
            for number in await client.messages():
                self._fetched(step, await client.retrieve(number))
                if step.delete:
                    await client.delete(number)
        except ReadingFailed as failed:
            await _leave(client, failed)
        await self._end(step, client)

    async def _by_imap(self, step: ReadStep, server: str, address: str, password: str) -> None:
        client = await ImapClient.open(self._site, server, address, step.tls)
        seen: set[int] = set()
        try:
            await client.login(step.login, password)
            if step.append is not None:
                await client.append(step.folder or INBOX, self._compose(step.append))
            await client.select(step.folder or INBOX)
            await self._treat_all(step, client, seen)
            if step.stay is not None:
                await client.idle()
        except ReadingFailed as failed:
            await _leave(client, failed)
        await self._end(step, client, lambda: self._follow(step, client, seen))

    async def _by_web(self, step: ReadStep, webmail: str, address: str, password: str) -> None:
        source, context, port = self._site.source_for(address), None, 80
        if step.tls == "implicit" and self._site.tls is not None:
            context, port = self._site.tls.authority.client(checks=True), 443
        try:
            seen = await visit(address, source, webmail, step.login, password, port, context)
        except VisitFailed as failed:
            raise ReadingFailed(str(failed)) from failed
        told = f"the newest is '{seen.subject}'" if seen.messages else "nothing there"
        self._site.log(
            events.SeenOnTheWeb(mailbox=step.mailbox, messages=seen.messages, subject=seen.subject),
            f"{step.mailbox} looks at {webmail}: {seen.messages} messages, {told}",
        )

    async def _treat_all(self, step: ReadStep, client: ImapClient, seen: set[int]) -> None:
        """Fetch, file or delete every message that is looked for and was not seen before."""
        for uid in await client.search(step.search):
            if uid not in seen:
                seen.add(uid)
                await self._treat(step, client, uid)

    async def _treat(self, step: ReadStep, client: ImapClient, uid: int) -> None:
        self._fetched(step, await client.fetch(uid))
        if step.copy_to is not None:
            await client.copy([uid], step.copy_to)
        if step.move is not None:
            await client.move([uid], step.move)
        elif step.delete:
            await client.delete([uid])

    async def _follow(self, step: ReadStep, client: ImapClient, seen: set[int]) -> None:
        """Wait in IDLE, and treat what comes as soon as the server tells of it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (step.stay or 0) / SECOND
        while await client.news(max(0.0, until - loop.time())):
            await client.done()
            await self._treat_all(step, client, seen)
            await client.idle()
        await client.done()

    async def _end(self, step: ReadStep, client: ReadingClient, follow: _Act | None = None) -> None:
        """Say goodbye, now or after a while, or do not."""
        if not step.quit:
            client.drop()
        elif step.stay is None:
            await client.leave()
        else:
            task = asyncio.create_task(self._stay(step, step.stay / SECOND, client, follow))
            self._staying.add(task)
            task.add_done_callback(self._staying.discard)

    async def _stay(self, step: ReadStep, seconds: float, client: ReadingClient, follow: _Act | None) -> None:
        try:
            await (asyncio.sleep(seconds) if follow is None else follow())
            await client.leave()
        except ReadingFailed as failed:
            self._failed(step, failed)
        finally:
            client.drop()

    def _fetched(self, step: ReadStep, message: bytes) -> None:
        message_id = header_field(message, "Message-ID")
        self._site.log(
            events.Fetched(mailbox=step.mailbox, message_id=message_id, octets=len(message), via=step.via),
            f"{step.mailbox} reads {named(message_id)} by {step.via.upper()}",
        )

    def _failed(self, step: ReadStep, failed: ReadingFailed) -> None:
        self._site.log(
            events.ReadingFailed(mailbox=step.mailbox, via=step.via, status=str(failed)),
            f"{step.mailbox} cannot read by {step.via.upper()}: {failed}",
        )


async def _leave(client: ReadingClient, failed: ReadingFailed) -> None:
    """Say goodbye after a refusal where the connection is left, and pass the reason on."""
    try:
        if isinstance(failed, CommandRefused):
            await client.leave()
    except ReadingFailed:
        pass  # the first reason is the one to tell
    finally:
        client.drop()
    raise failed
