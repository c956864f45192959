"""A visit to a web mail by a plain HTTP client: log in, look at the inbox, read the newest message.

This is what a scenario's reader does instead of a browser.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

import h11
from msgspec import Struct

from testbed.hosts.sending.results import handshake_result

_MAX_PAGE = 5_000_000
_TIMEOUT_S = 60.0
_MAX_REDIRECTS = 5


class VisitFailed(Exception):
    """What went wrong, in a sentence."""


class Visit(Struct, frozen=True):
    """What was seen: how many messages the page of the inbox lists, and the newest one's subject and text."""

    messages: int
    subject: str
    text: str


async def visit(
    address: str,
    source: str | None,
    host: str,
    user: str,
    password: str,
    port: int = 80,
    tls: ssl.SSLContext | None = None,
) -> Visit:
    """Visit the web mail ``host`` at an address, speaking from ``source``, by HTTPS with ``tls``.

    Raises VisitFailed.
    """
    browser = _Browser(address, source, host, port, tls)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await _read_newest(browser, user, password)
    except TimeoutError:
        raise VisitFailed(f"{host} does not answer within {_TIMEOUT_S:.0f} s") from None
    except ssl.SSLError as error:
        raise VisitFailed(f"{host} cannot be read: {handshake_result(error).text}") from error
    except (OSError, h11.ProtocolError) as error:
        raise VisitFailed(f"{host} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    finally:
        await browser.close()


async def _read_newest(browser: _Browser, user: str, password: str) -> Visit:
    form = await browser.page("/login")
    inbox = await browser.page("/login", {"token": form.token, "user": user, "password": password})
    if inbox.complaint:
        raise VisitFailed(f"{browser.host} says: {inbox.complaint}")
    if not inbox.messages:
        return Visit(0, "", "")
    newest = await browser.page(inbox.messages[0])
    if newest.complaint:
        raise VisitFailed(f"{browser.host} says: {newest.complaint}")
    return Visit(len(inbox.messages), newest.heading, newest.text)


class _Browser:
    """One connection, kept alive; cookies."""

    def __init__(self, address: str, source: str | None, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.host = host
        self._tls = tls
        self._place = (address, port)
        self._source = source
        self._cookies: dict[str, str] = {}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._http = h11.Connection(h11.CLIENT)

    async def page(self, target: str, form: dict[str, str] | None = None) -> _Page:
        """Get a page, or post a form, and follow where it leads."""
        for _ in range(_MAX_REDIRECTS):
            status, headers, body = await self._ask(target, form)
            location = headers.get("location", "")
            if status != 303 or not location.startswith("/"):
                page = _Page()
                page.feed(body.decode("utf-8", "replace"))
                if status >= 400 and not page.complaint:
                    raise VisitFailed(f"{self.host} answers {status}")
                return page
            target, form = location, None
        raise VisitFailed(f"{self.host} leads from page to page")

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()

    async def _ask(self, target: str, form: dict[str, str] | None) -> tuple[int, dict[str, str], bytes]:
        reader, writer = await self._connection()
        content = urlencode(form).encode() if form is not None else b""
        headers = [("Host", self.host), ("User-Agent", "testbed"), ("Accept", "text/html")]
        if self._cookies:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self._cookies.items())))
        if form is not None:
            headers += [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(content)))]
        sent = (
            h11.Request(method="POST" if form is not None else "GET", target=target, headers=headers),
            h11.Data(content),
            h11.EndOfMessage(),
        )
        writer.write(b"".join(self._http.send(event) or b"" for event in sent))
        await writer.drain()
        return await self._answer(reader)

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = 0, dict[str, str](), bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await reader.read(65_536))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                self._keep(value.decode("latin-1") for name, value in event.headers if name == b"set-cookie")
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > _MAX_PAGE:
                    raise VisitFailed(f"a page of {self.host} is larger than {_MAX_PAGE:,} octets")
            elif isinstance(event, h11.EndOfMessage):
                return status, headers, bytes(body)
            elif isinstance(event, h11.ConnectionClosed):
                raise VisitFailed(f"{self.host} closed the connection")

    def _keep(self, cookies: Iterable[str]) -> None:
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name.strip()] = value.strip()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return self._streams
        await self.close()
        self._http = h11.Connection(h11.CLIENT)
        source = (self._source, 0) if self._source else None
        name = self.host if self._tls is not None else None
        self._streams = await asyncio.open_connection(
            *self._place, local_addr=source, ssl=self._tls, server_hostname=name
        )
        return self._streams


@dataclass
class _Page(HTMLParser):
    """What a reader looks for on a page."""

    token: str = ""
    messages: list[str] = field(default_factory=list)
    heading: str = ""
    text: str = ""
    complaint: str = ""
    _into: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in what a tag says by itself, and where its text belongs."""
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        if tag == "input" and given.get("name") == "token" and not self.token:
            self.token = given.get("value", "")
        if tag == "a" and given.get("href", "").startswith("/message?") and "rel" not in given:
            self.messages.append(given["href"])
        if tag == "h1" and not self.heading:
            self._into.append((tag, "heading"))
        elif ("text" in classes or "html" in classes) and not self.text:
            self._into.append((tag, "text"))
        elif "complaint" in classes:
            self._into.append((tag, "complaint"))
        elif self._into and self._into[-1][0] == tag:
            self._into.append((tag, self._into[-1][1]))

    def handle_endtag(self, tag: str) -> None:
        """The end of an element whose text is kept."""
        if self._into and self._into[-1][0] == tag:
            self._into.pop()

    def handle_data(self, data: str) -> None:
        """Text."""
        if self._into:
            name = self._into[-1][1]
            setattr(self, name, getattr(self, name) + data)
