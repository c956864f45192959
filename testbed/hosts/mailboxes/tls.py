"""How a POP3 or IMAP server begins TLS: behind STLS or STARTTLS, or with the first octet (RFC 2595, RFC 8314 §3)."""

from __future__ import annotations

import asyncio
import ssl

from testbed.hosts.site import Site
from testbed.hosts.streams import begin_tls
from testbed.hosts.tls import LabTls
from testbed.protocols import events
from testbed.scenario.faults.tls import TlsService

_HANDSHAKE_TIMEOUT_S = 300.0  # scenario time; as patient as its client
_CHUNK = 65_536


class ReadingTls:
    """The TLS of one server of a host; ``service`` says which faults of the host's TLS are about it."""

    def __init__(self, site: Site, tls: LabTls, service: TlsService) -> None:
        self._site = site
        self._tls = tls
        self._service = service
        tls.server(site.name)  # signed now, not while somebody waits

    async def begin(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: int,
        through: asyncio.StreamReader | None = None,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The streams behind the handshake; what came in clear before it is forgotten.

        ``through`` is to be their reader, where it is not to be one of asyncio's.

        Raises ConnectionError when there is no connection any more.
        """
        flaw = self._tls.script(self._site.name).flaw(connection, self._service)
        if flaw == "stalled":
            while await reader.read(_CHUNK):
                pass
            raise ConnectionAbortedError("there was no TLS handshake")
        context = self._tls.server(self._site.name, flaw)
        try:
            return await begin_tls(writer, context, timeout_s=_HANDSHAKE_TIMEOUT_S, reader=through)
        except OSError as error:
            reason = (error.reason if isinstance(error, ssl.SSLError) else None) or str(error) or "the connection ended"
            peer = str((writer.get_extra_info("peername") or ("somebody",))[0])
            self._site.log(events.TlsFailed(peer=peer, reason=reason), f"TLS with {peer} failed: {reason}")
            raise ConnectionAbortedError(reason) from error
