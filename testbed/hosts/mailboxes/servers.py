"""What lets people read the mailboxes of a mail host: its POP3 and IMAP servers, as far as it has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from testbed.hosts.mailboxes.pop3_server import PORT as POP3_PORT
from testbed.hosts.mailboxes.pop3_server import TLS_PORT as POP3S_PORT
from testbed.hosts.mailboxes.pop3_server import Pop3Server
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.tls import ReadingTls
from testbed.hosts.site import Site, close, listen
from testbed.hosts.tls import LabTls

IMAP_PORT, IMAPS_PORT = 143, 993


class MailboxServers:
    """``protocols`` are ``pop3`` and ``imap``.  With ``tls`` both offer TLS, and have ports where it comes first."""

    def __init__(
        self, site: Site, post_office: PostOffice, protocols: Collection[str], tls: LabTls | None = None
    ) -> None:
        self._site = site
        self._post_office = post_office
        self._protocols = protocols
        self._tls = tls
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen on the ports of the protocols."""
        if "pop3" in self._protocols:
            tls = ReadingTls(self._site, self._tls, "pop3") if self._tls is not None else None
            await self._listen(Pop3Server(self._site, self._post_office, tls).protocol, POP3_PORT)
            if tls is not None:
                pop3s = Pop3Server(self._site, self._post_office, tls, implicit=True)
                await self._listen(pop3s.protocol, POP3S_PORT)
        if "imap" in self._protocols:
            from testbed.hosts.mailboxes.imap_server import ImapServer  # its library takes a tenth of a second to load

            tls = ReadingTls(self._site, self._tls, "imap") if self._tls is not None else None
            await self._listen(ImapServer(self._site, self._post_office, tls).protocol, IMAP_PORT)
            if tls is not None:
                imaps = ImapServer(self._site, self._post_office, tls, implicit=True)
                await self._listen(imaps.protocol, IMAPS_PORT)

    async def _listen(self, protocol: Callable[[], asyncio.BaseProtocol], port: int) -> None:
        self._servers += await listen(protocol, self._site.addresses, (port,))

    def crash(self) -> None:
        """Listen no more; connections are the host's to cut."""
        for server in self._servers:
            server.close()

    async def stop(self) -> None:
        """Close the sockets."""
        await close(self._servers)
