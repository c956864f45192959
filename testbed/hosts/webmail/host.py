"""The host a web mail runs on: port 80, a resolver, and an SMTP client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import envelope_to
from testbed.hosts.reading.imap_client import ImapClient
from testbed.hosts.sending.delivery import DeliverySession, HopFailed
from testbed.hosts.site import Site, close, listen
from testbed.hosts.tls import LabTls
from testbed.hosts.webmail.app import Backend, application
from testbed.hosts.webmail.http import HttpProtocol
from testbed.hosts.webmail.mailbox import MailboxError
from testbed.protocols import events
from testbed.scenario.steps import ReadingSecurity

PORT, TLS_PORT = 80, 443
_PATIENCE_S = 20.0  # scenario time for each answer of the IMAP server; a person waits for the page


class Webmail:
    """Serves the mailboxes of ``server`` and sends through ``relay``; with ``tls`` by HTTPS too, and reads through TLS.

    uvicorn's own server looks at the clock ten times a second, which scenario time would make millions of; its
    protocol alone does not.
    """

    def __init__(
        self,
        site: Site,
        domain: str,
        server: str,
        relay: str,
        port: int,
        families: Sequence[str] = ("A",),
        tls: LabTls | None = None,
    ) -> None:
        self.name = site.name
        self._site = site
        self._server = server
        self._relay = (relay, port)
        self._families = families
        self._tls = tls
        self._resolver = Resolver(site)
        self._servers: list[asyncio.Server] = []
        self._state = ServerState()
        backend = Backend(site.name, domain, self._imap, self._send, site.now, site.date)
        self._config = Config(
            _dated(application(backend), site),
            log_config=None,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            proxy_headers=False,
        )

    async def start(self) -> None:
        """Listen on port 80, and on 443 where there is TLS."""
        self._servers = await listen(self._protocol, self._site.addresses, (PORT,))
        if self._tls is not None:
            context = self._tls.server(self.name)
            self._servers += await listen(self._protocol, self._site.addresses, (TLS_PORT,), tls=context)

    async def settled(self) -> None:
        """Pages are awaited by whoever asks for them."""

    async def stop(self) -> None:
        """Close the sockets, also those that are kept alive."""
        await close(self._servers)
        for connection in list(self._state.connections):
            connection.shutdown()

    def inventory(self) -> None:
        """A web mail keeps no mail."""

    def _protocol(self) -> asyncio.BaseProtocol:
        return HttpProtocol(self._config, self._state, {}, asyncio.get_running_loop())

    async def _addresses(self, name: str) -> list[str]:
        return [record for kind in self._families for record in (await self._resolver.ask(name, kind)).records]

    async def _imap(self) -> ImapClient:
        for address in await self._addresses(self._server):
            tls: ReadingSecurity = "none" if self._tls is None else "starttls"
            return await ImapClient.open(self._site, self._server, address, tls, patience_s=_PATIENCE_S)
        raise MailboxError(f"The mail server {self._server} has no address just now.")

    async def _send(self, sender: str, recipients: list[str], content: bytes) -> dict[str, str]:
        relay, port = self._relay
        reason = f"4.4.4 the name {relay} has no address"
        for address in await self._addresses(relay):
            session = DeliverySession(self._site, address, port)
            try:
                await session.open()
            except HopFailed as failed:
                reason = str(failed.result)
                continue
            results = await session.send(envelope_to(sender, *recipients), content)
            await session.quit()
            refused = {recipient: str(result) for recipient, result in results.items() if not result.taken}
            self._tell(sender, [one for one in recipients if one not in refused], refused)
            return refused
        refused = dict.fromkeys(recipients, reason)
        self._tell(sender, [], refused)
        return refused

    def _tell(self, sender: str, taken: list[str], refused: dict[str, str]) -> None:
        for recipient in taken:
            self._site.log(events.SentByWeb(sender=sender, recipients=(recipient,)), f"{sender} sends to {recipient}")
        for recipient, status in refused.items():
            text = f"mail of {sender} for {recipient} is not taken: {status}"
            self._site.log(events.SentByWeb(sender=sender, recipients=(recipient,), status=status), text)


def _dated(app: ASGIApp, site: Site) -> ASGIApp:
    """The application with scenario time in every response (RFC 9110 §6.6.1)."""

    async def dated(scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = site.date().replace("+0000", "GMT").encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await app(scope, receive, stamped)

    return dated
