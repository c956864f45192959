"""What lets people read the mailboxes of a mail host: its POP3 and IMAP servers, as far as it has them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection

from testbed.hosts.pop3_server import PORT as POP3_PORT
from testbed.hosts.pop3_server import Pop3Server
from testbed.hosts.post_office import PostOffice
from testbed.hosts.site import Site, close, listen

IMAP_PORT = 143


class MailboxServers:
    """``protocols`` are ``pop3`` and ``imap``.  With ``tls`` both offer to begin TLS."""

    def __init__(
        self, site: Site, post_office: PostOffice, protocols: Collection[str], tls: ssl.SSLContext | None = None
    ) -> None:
        self._site = site
        self._post_office = post_office
        self._protocols = protocols
        self._tls = tls
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen on the ports of the protocols."""
        if "pop3" in self._protocols:
            pop3 = Pop3Server(self._site, self._post_office, self._tls)
            self._servers += await listen(pop3.protocol, self._site.addresses, (POP3_PORT,))
        if "imap" in self._protocols:
            from testbed.hosts.imap_server import ImapServer  # its library takes a tenth of a second to load

            imap = ImapServer(self._site, self._post_office, self._tls)
            self._servers += await listen(imap.protocol, self._site.addresses, (IMAP_PORT,))

    def crash(self) -> None:
        """Listen no more; connections are the host's to cut."""
        for server in self._servers:
            server.close()

    async def stop(self) -> None:
        """Close the sockets."""
        await close(self._servers)
