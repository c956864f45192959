"""HTTPS as a client: a page, such as an MTA-STS policy (RFC 8461 §3.3), and a report that is posted (RFC 8460 §5.4)."""

from __future__ import annotations

import asyncio
import ssl

from msgspec import Struct

from testbed.errors import reason
from testbed.hosts.sending.security import connected_socket
from testbed.hosts.site import Site

PORT = 443
TIMEOUT_S = 60.0  # scenario time, for all of it (RFC 8461 §3.3)
_CHUNK = 65_536


class NotFetched(Exception):
    """Why there is no answer, as the rest of a sentence; ``certificate`` tells that the server's is to blame."""

    def __init__(self, text: str, *, certificate: bool = False) -> None:
        super().__init__(text)
        self.certificate = certificate


class Page(Struct, frozen=True):
    """What came: the status, the media type without parameters in lower case, and the content."""

    status: int
    media_type: str
    content: bytes


async def fetch(site: Site, host: str, address: str, path: str, *, most: int) -> Page:
    """GET; what is longer than ``most`` octets is read no further, and one octet more is given.  Raises NotFetched.

    No redirect is followed.  The server's certificate must be good for ``host``.
    """
    return await _answer(
        site, _Request("GET", host, path, (("Accept", "text/plain"),)), address, most=most, checks=True
    )


async def post(site: Site, host: str, address: str, path: str, media_type: str, content: bytes) -> int:
    """POST; the status it is answered with.  Raises NotFetched.

    Any certificate will do, for what it is about may be what the report tells of (RFC 8460 §3).
    """
    headers = (("Content-Type", media_type), ("Content-Length", str(len(content))))
    request = _Request("POST", host, path, headers, content)
    return (await _answer(site, request, address, most=_CHUNK, checks=False)).status


class _Request(Struct, frozen=True):
    method: str
    host: str
    path: str
    headers: tuple[tuple[str, str], ...]
    content: bytes = b""


async def _answer(site: Site, request: _Request, address: str, *, most: int, checks: bool) -> Page:
    if site.tls is None:
        raise NotFetched("there is no TLS in this lab")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            sock = await connected_socket(address, PORT, site.source_for(address), TIMEOUT_S)
            context = site.tls.authority.client(checks=checks)
            reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=request.host)
            try:
                return await _ask(reader, writer, request, most)
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


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: _Request, most: int) -> Page:
    import h11

    connection = h11.Connection(h11.CLIENT)
    headers = [("Host", request.host), *request.headers, ("Connection", "close")]
    writer.write(connection.send(h11.Request(method=request.method, target=request.path, headers=headers)) or b"")
    if request.content:
        writer.write(connection.send(h11.Data(data=request.content)) or b"")
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
