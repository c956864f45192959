"""The mailbox behind the web mail: an IMAP connection that lives as long as one page."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from email.message import EmailMessage

from msgspec import Struct

from testbed.hosts.reading.client import CommandRefused, ReadingFailed, Untrusted
from testbed.hosts.reading.imap_client import ImapClient
from testbed.protocols.imap_values import Value, number

PAGE = 25
MAX_OCTETS = 50_000_000
_HEADERS = "BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)]"
_SEEN = r"\Seen"
_SENT, _TRASH = "Sent", "Trash"
_INBOX = "INBOX"

Connect = Callable[[], Awaitable[ImapClient]]
"""Opens a connection to the IMAP server.  Raises ReadingFailed."""


class MailboxError(Exception):
    """The mail server cannot be reached, or is lost; ``str()`` of it is a sentence for people."""


class NotInMailbox(MailboxError):
    """The mail server does not do what it is asked, or has no such thing."""


class LoginRefused(MailboxError):
    """Wrong name or password."""


class Folder(Struct, frozen=True):
    """A folder; ``unread`` is None where it was not asked for."""

    name: str
    unread: int | None


class Summary(Struct, frozen=True):
    """One line of the list."""

    uid: int
    sender: str
    to: str
    subject: str
    date: datetime | None
    seen: bool
    octets: int


class Page(Struct, frozen=True):
    """Part of a folder, newest first; ``number`` counts from 1."""

    messages: tuple[Summary, ...]
    number: int
    pages: int
    total: int


class ImapMailbox:
    """One logged-in connection."""

    def __init__(self, client: ImapClient) -> None:
        self._client = client

    async def folders(self) -> list[Folder]:
        """All folders that hold messages, INBOX first."""
        names = sorted(await self._client.folders(), key=lambda name: (name.upper() != _INBOX, name.lower()))
        return [Folder(name, await self._unread(name)) for name in names]

    async def page(self, folder: str, number: int, query: str) -> Page:
        """The messages of a page, those only that have the words of ``query`` in them, if any."""
        await self._client.select(folder, readonly=True)
        uids = sorted(await self._client.search_text(query.split()[:20]), reverse=True)
        pages = max(1, -(-len(uids) // PAGE))
        number = min(max(1, number), pages)
        shown = uids[(number - 1) * PAGE : number * PAGE]
        fetched = await self._client.look_at(shown, f"({_HEADERS} FLAGS RFC822.SIZE)") if shown else {}
        return Page(tuple(_summary(uid, fetched[uid]) for uid in shown if uid in fetched), number, pages, len(uids))

    async def message(self, folder: str, uid: int, *, mark: bool = True) -> bytes:
        """A whole message, marked as read.  Raises NotInMailbox when it is not there (any more)."""
        await self._client.select(folder, readonly=not mark)
        octets = number((await self._look_at(uid, "(RFC822.SIZE)")).get(b"RFC822.SIZE"))
        if octets is None:
            raise NotInMailbox("This message is no longer here.")
        if octets > MAX_OCTETS:
            raise NotInMailbox("This message is too large to be shown here.")
        content = (await self._look_at(uid, "(BODY.PEEK[])")).get(b"BODY[]")
        if not isinstance(content, bytes):
            raise NotInMailbox("This message is no longer here.")
        if mark:
            await self._client.flag([uid], _SEEN)
        return content

    async def neighbours(self, folder: str, uid: int) -> tuple[int | None, int | None]:
        """The next newer and the next older message."""
        await self._client.select(folder, readonly=True)
        uids = sorted(await self._client.search_text([]))
        newer = next((other for other in uids if other > uid), None)
        older = next((other for other in reversed(uids) if other < uid), None)
        return newer, older

    async def move(self, folder: str, uids: Sequence[int], to: str) -> None:
        """Move messages to another folder, made when it is not there."""
        if not uids or to == folder:
            return
        await self._make(to)
        await self._client.select(folder)
        if await self._client.offers("MOVE"):
            await self._client.move(uids, to)
        else:
            await self._client.copy(uids, to)
            await self._expunge(uids)

    async def delete(self, folder: str, uids: Sequence[int]) -> None:
        """Move messages to the trash; delete for good those that lie there."""
        if folder != _TRASH:
            await self.move(folder, uids, _TRASH)
        elif uids:
            await self._client.select(folder)
            await self._expunge(uids)

    async def mark(self, folder: str, uids: Sequence[int], *, seen: bool) -> None:
        """Mark messages as read or unread."""
        if uids:
            await self._client.select(folder)
            await self._client.flag(uids, _SEEN, on=seen)

    async def keep_sent(self, content: bytes) -> None:
        """Keep a copy of what was sent."""
        await self._make(_SENT)
        await self._client.append(_SENT, content)

    async def _make(self, folder: str) -> None:
        if folder.upper() != _INBOX and folder not in await self._client.folders():
            await self._client.create(folder)

    async def _expunge(self, uids: Sequence[int]) -> None:
        if await self._client.offers("UIDPLUS"):
            await self._client.delete(uids)
        else:
            await self._client.flag(uids, r"\Deleted")
            await self._client.expunge()

    async def _unread(self, name: str) -> int | None:
        with suppress(CommandRefused):
            return await self._client.unseen(name)
        return None

    async def _look_at(self, uid: int, items: str) -> dict[bytes, Value]:
        return (await self._client.look_at([uid], items)).get(uid, {})


@asynccontextmanager
async def mailbox(connect: Connect, user: str, password: str) -> AsyncIterator[ImapMailbox]:
    """Log in, and out again.  Raises LoginRefused, NotInMailbox or MailboxError."""
    try:
        client = await connect()
    except Untrusted as error:
        raise MailboxError("The mail server cannot be trusted: its certificate is not acceptable.") from error
    except ReadingFailed as error:
        raise MailboxError("The mail server cannot be reached just now.") from error
    try:
        try:
            await client.login(user, password)
        except CommandRefused as error:
            raise LoginRefused("The name or the password is wrong.") from error
        yield ImapMailbox(client)
    except asyncio.CancelledError:
        client.drop()
        raise
    except CommandRefused as error:
        raise NotInMailbox(f"The mail server says: {_printable(error.said)}") from error
    except ReadingFailed as error:
        raise MailboxError("The connection to the mail server was lost.") from error
    finally:
        with suppress(ReadingFailed):
            await client.leave()


def _summary(uid: int, fetched: dict[bytes, Value]) -> Summary:
    # Servers echo the item as they like (order and case of the fields, quotes): it is the one that begins so.
    raw = next((value for key, value in fetched.items() if key.startswith(b"BODY[")), b"")
    head = email.message_from_bytes(raw if isinstance(raw, bytes) else b"", policy=email.policy.default)
    flags = fetched.get(b"FLAGS")
    return Summary(
        uid,
        header(head, "From"),
        header(head, "To"),
        header(head, "Subject"),
        date_of(head),
        isinstance(flags, list) and any(isinstance(flag, bytes) and flag.lower() == b"\\seen" for flag in flags),
        number(fetched.get(b"RFC822.SIZE")) or 0,
    )


def header(message: EmailMessage, name: str) -> str:
    """A header field decoded, one line, ``""`` when it is missing or beyond understanding."""
    try:
        text = str(message[name] or "")
    except Exception:  # the standard library's parser meets hostile fields with exceptions of many kinds
        text = ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:1_000]


def date_of(message: EmailMessage) -> datetime | None:
    """When a message says it was written, None when it does not."""
    try:
        found = getattr(message["Date"], "datetime", None)
    except Exception:
        return None
    return found if isinstance(found, datetime) else None


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:200]
