"""One page by HTTPS, as a client that wants an MTA-STS policy asks for it (RFC 8461 §3.3)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from testbed.errors import reason
from testbed.hosts.sending.security import connected_socket
from testbed.hosts.site import Site

PORT = 443
TIMEOUT_S = 60.0  # scenario time, for all of it (RFC 8461 §3.3)
_CHUNK = 65_536


class NotFetched(Exception):
    """Why there is no page, as the rest of a sentence; ``certificate`` tells that the server's is to blame."""

    def __init__(self, text: str, *, certificate: bool = False) -> None:
        super().__init__(text)
        self.certificate = certificate


@dataclass(frozen=True, slots=True)
class Page:
    """What came: the status, the media type without parameters in lower case, and the content."""

    status: int
    media_type: str
    content: bytes


async def fetch(site: Site, host: str, address: str, path: str, *, most: int) -> Page:
    """GET; what is longer than ``most`` octets is read no further, and one octet more is given.  Raises NotFetched.

    No redirect is followed.  The server's certificate must be good for ``host``.
    """
    if site.tls is None:
        raise NotFetched("there is no TLS in this lab")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            sock = await connected_socket(address, PORT, site.source_for(address), TIMEOUT_S)
            context = site.tls.authority.client(checks=True)
            reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)
            try:
                return await _get(reader, writer, host, path, most)
            finally:
                writer.close()
    except ssl.SSLCertVerificationError as error:
        text = f"the certificate is not acceptable: {error.verify_message.rstrip('.')}"
        raise NotFetched(text, certificate=True) from error
    except TimeoutError as error:
        raise NotFetched(f"it did not come within {TIMEOUT_S:g} s") from error
    except ssl.SSLError as error:
        words = (error.reason or "broken off").lower().replace("_", " ")
        raise NotFetched(f"the TLS handshake failed: {words}", certificate=True) from error
    except ConnectionRefusedError as error:
        raise NotFetched("connection refused") from error
    except ConnectionError as error:
        raise NotFetched("the connection was lost") from error
    except OSError as error:
        raise NotFetched(reason(error)) from error


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, path: str, most: int) -> Page:
    import h11

    connection = h11.Connection(h11.CLIENT)
    headers = [("Host", host), ("Accept", "text/plain"), ("Connection", "close")]
    writer.write(connection.send(h11.Request(method="GET", target=path, headers=headers)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    page = Page(0, "", b"")
    content = bytearray()
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                kind = dict(event.headers).get(b"content-type", b"").decode("latin-1")
                page = Page(event.status_code, kind.partition(";")[0].strip().lower(), b"")
            elif isinstance(event, h11.Data):
                content += event.data
            if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or len(content) > most:
                return Page(page.status, page.media_type, bytes(content[: most + 1]))
    except h11.RemoteProtocolError as error:
        raise NotFetched("what the server said is no HTTP") from error
