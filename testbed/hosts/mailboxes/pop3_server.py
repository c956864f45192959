"""The POP3 server of a mail host: sessions (:mod:`testbed.protocols.pop3_session`) over sockets, on Maildirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from hashlib import sha256

from testbed.durations import SECOND
from testbed.hosts.deeds import ServerEndpoint
from testbed.hosts.mailboxes.mailbox import INBOX, Mailbox
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.tls import ReadingTls
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.header import header_field, named
from testbed.protocols.pop3_session import AUTOLOGOUT_S, InUse, Pop3Session, State, octets_of

PORT, TLS_PORT = 110, 995
_CHUNK = 4_096
_NOTHING_COMES_OF = frozenset(("NOOP", "STAT", "LIST", "UIDL", "CAPA"))


class Pop3Server:
    """Opens mailboxes to their owners.  With ``tls``, STLS is offered; ``implicit`` begins with it instead."""

    def __init__(
        self, site: Site, post_office: PostOffice, tls: ReadingTls | None = None, *, implicit: bool = False
    ) -> None:
        self._site = site
        self._post_office = post_office
        self._tls = tls
        self._implicit = implicit

    def protocol(self) -> asyncio.BaseProtocol:
        """One connection's server side."""
        return self._site.connections.protocol(self._serve, asyncio.StreamReader())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Pop3Session(self._site.name, self._open, tls=self._tls is not None and not self._implicit)
        connection = _Connection(self._site, reader, writer)
        try:
            if self._implicit:
                await connection.begin_tls(self._tls)
            if not await connection.staged("connect", usual=session.greeting):
                connection.writer.write(session.greeting())
            while session.state is not State.OVER:
                async with asyncio.timeout(AUTOLOGOUT_S):
                    octets = await connection.reader.read(_CHUNK)
                if not octets:
                    break
                session.feed(octets)
                await self._answer(session, connection)
        except (OSError, TimeoutError):  # whoever is silent for too long hears nothing more (RFC 1939 §3)
            pass
        finally:
            session.lost()
            connection.writer.close()

    async def _answer(self, session: Pop3Session, connection: _Connection) -> None:
        for keyword, argument in session.commands():
            await asyncio.sleep(0)  # others have their turn
            answer = partial(session.answer, keyword, argument)
            if await connection.staged(keyword, answer, answer if keyword in _NOTHING_COMES_OF else bytes):
                continue
            connection.writer.write(answer())
            await connection.writer.drain()
            if session.tls_begins:
                session.tls_begins = False
                await connection.begin_tls(self._tls)

    def _open(self, user: str, password: str) -> _LockedMailbox | None:
        box = self._post_office.account(user, password)
        if box is None:
            return None
        if box.in_use:
            raise InUse
        return _LockedMailbox(box, self._site)


class _Connection:
    """One connection, and the faults that strike it."""

    def __init__(self, site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._site = site
        self._number = site.dialogue.connected("POP3")
        self.reader = reader
        self.writer = writer

    async def begin_tls(self, tls: ReadingTls | None) -> None:
        """Go on through TLS."""
        assert tls is not None
        self.reader, self.writer = await tls.begin(self.reader, self.writer, self._number)

    async def staged(
        self, keyword: str, act: Callable[[], object] = lambda: None, usual: Callable[[], bytes] = bytes
    ) -> bool:
        """Whether a fault has answered in the server's place.  Raises ConnectionError when it ends the connection.

        ``usual`` gives the reply without the fault, where nothing comes of asking.
        """
        fault = self._site.dialogue.find(f"POP3 {keyword}", connection=self._number)
        if fault is None:
            return False
        self._site.dialogue.tell(fault, usual().decode("latin-1").removesuffix("\r\n"))
        await asyncio.sleep((fault.delay or 0) / SECOND)
        self.writer.write(fault.answer)
        if fault.then:
            if fault.moment == "act":
                act()
            await ServerEndpoint(self._site, self.reader, self.writer).end(fault)
        return fault.answers


class _LockedMailbox:
    """An inbox as POP3 sees it: the messages there were when the session began."""

    def __init__(self, box: Mailbox, site: Site) -> None:
        box.in_use = True
        self._box = box
        self._site = site
        self._folder = box.folder()
        self._keys = self._folder.keys()
        # Maildir's own keys hold the machine's name, which is nobody's business.
        self.unique_ids = tuple(sha256(key.encode()).hexdigest()[:32] for key in self._keys)

    def read(self, number: int) -> bytes:
        try:
            return self._folder.read(self._keys[number - 1])
        except KeyError:  # somebody else deleted it meanwhile
            return b""

    def octets(self, number: int) -> int:
        key = self._keys[number - 1]
        return self._folder.octets(key) if self._folder.is_hollow(key) else octets_of(self.read(number))

    def update(self, deleted: frozenset[int]) -> None:
        for number in sorted(deleted):
            message_id = header_field(self.read(number), "Message-ID")
            self._folder.delete(self._keys[number - 1])
            self._site.log(
                events.Deleted(recipient=self._box.address, message_id=message_id, folder=INBOX, via="pop3"),
                f"{named(message_id)} is deleted from the mailbox of <{self._box.address}>",
            )
        if deleted:
            self._box.changed()

    def release(self) -> None:
        self._box.in_use = False
