"""The mailbox behind the web mail: a blocking IMAP client (RFC 3501) that lives as long as one page."""

from __future__ import annotations

import contextlib
import email
import email.policy
import imaplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from imapclient import DELETED, SEEN, IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

PAGE = 25
MAX_OCTETS = 50_000_000
_TIMEOUT_S = 20.0
_CHUNK = 4_096
_HEADERS = b"BODY[HEADER.FIELDS (FROM TO SUBJECT DATE)]"
_SENT, _TRASH = "Sent", "Trash"


class MailboxError(Exception):
    """The mail server does not do it, or cannot be reached; ``str()`` of it is a sentence for people."""


class LoginRefused(MailboxError):
    """Wrong name or password."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an IMAP server is: an address, a port, and the address to speak from.

    With ``tls`` nothing is said before STARTTLS, and its certificate must name ``host``.
    """

    address: str
    port: int = 143
    source: str | None = None
    host: str = ""
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; ``unread`` is None where it was not asked for."""

    name: str
    unread: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of the list."""

    uid: int
    sender: str
    to: str
    subject: str
    date: datetime | None
    seen: bool
    octets: int


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a folder, newest first; ``number`` counts from 1."""

    messages: tuple[Summary, ...]
    number: int
    pages: int
    total: int


class ImapMailbox:
    """One logged-in connection."""

    def __init__(self, client: IMAPClient) -> None:
        self._client = client

    def folders(self) -> list[Folder]:
        """All folders that hold messages, INBOX first."""
        names = sorted(
            (name for flags, _, name in self._client.list_folders() if b"\\Noselect" not in flags),
            key=lambda name: (name.upper() != "INBOX", name.lower()),
        )
        return [Folder(name, self._unread(name)) for name in names]

    def page(self, folder: str, number: int, query: str) -> Page:
        """The messages of a page, those only that have the words of ``query`` in them, if any."""
        self._client.select_folder(folder, readonly=True)
        uids = sorted(self._search(query), reverse=True)
        pages = max(1, -(-len(uids) // PAGE))
        number = min(max(1, number), pages)
        shown = uids[(number - 1) * PAGE : number * PAGE]
        fetched = self._client.fetch(shown, [_peek(_HEADERS), "FLAGS", "RFC822.SIZE"]) if shown else {}
        return Page(tuple(_summary(uid, fetched[uid]) for uid in shown if uid in fetched), number, pages, len(uids))

    def message(self, folder: str, uid: int, *, mark: bool = True) -> bytes:
        """A whole message, marked as read.  Raises MailboxError when it is not there (any more)."""
        self._client.select_folder(folder, readonly=not mark)
        found = self._client.fetch([uid], ["RFC822.SIZE"]).get(uid)
        if found is None:
            raise MailboxError("This message is not here any more.")
        if found[b"RFC822.SIZE"] > MAX_OCTETS:
            raise MailboxError("This message is too large to be shown here.")
        content = self._client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
        if not isinstance(content, bytes):
            raise MailboxError("This message is not here any more.")
        if mark:
            self._client.add_flags([uid], [SEEN], silent=True)
        return content

    def neighbours(self, folder: str, uid: int) -> tuple[int | None, int | None]:
        """The next newer and the next older message."""
        self._client.select_folder(folder, readonly=True)
        uids = sorted(self._client.search("ALL"))
        newer = next((other for other in uids if other > uid), None)
        older = next((other for other in reversed(uids) if other < uid), None)
        return newer, older

    def move(self, folder: str, uids: Sequence[int], to: str) -> None:
        """Move messages to another folder, made when it is not there."""
        if not uids or to == folder:
            return
        self._make(to)
        self._client.select_folder(folder)
        if self._client.has_capability("MOVE"):
            self._client.move(list(uids), to)
        else:
            self._client.copy(list(uids), to)
            self._expunge(uids)

    def delete(self, folder: str, uids: Sequence[int]) -> None:
        """Move messages to the trash; delete for good those that lie there."""
        if folder != _TRASH:
            self.move(folder, uids, _TRASH)
        elif uids:
            self._client.select_folder(folder)
            self._expunge(uids)

    def mark(self, folder: str, uids: Sequence[int], *, seen: bool) -> None:
        """Mark messages as read or unread."""
        if uids:
            self._client.select_folder(folder)
            change = self._client.add_flags if seen else self._client.remove_flags
            change(list(uids), [SEEN], silent=True)

    def keep_sent(self, content: bytes) -> None:
        """Keep a copy of what was sent."""
        self._make(_SENT)
        self._client.append(_SENT, content, flags=[SEEN])

    def _make(self, folder: str) -> None:
        if not self._client.folder_exists(folder):
            self._client.create_folder(folder)

    def _expunge(self, uids: Sequence[int]) -> None:
        self._client.add_flags(list(uids), [DELETED], silent=True)
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge(list(uids))
        else:
            self._client.expunge()

    def _unread(self, name: str) -> int | None:
        with contextlib.suppress(IMAPClientError, imaplib.IMAP4.error):
            unseen = self._client.folder_status(name, ["UNSEEN"]).get(b"UNSEEN")
            return unseen if isinstance(unseen, int) else None
        return None

    def _search(self, query: str) -> list[int]:
        words = query.split()[:20]
        if not words:
            return list(self._client.search("ALL"))
        criteria = [part for word in words for part in ("TEXT", word)]
        return list(self._client.search(criteria, None if query.isascii() else "UTF-8"))


@contextlib.contextmanager
def mailbox(place: Place, user: str, password: str) -> Iterator[ImapMailbox]:
    """Log in, and out again.  Raises LoginRefused or MailboxError."""
    try:
        client = _Client(place)
    except ssl.SSLError as error:
        raise MailboxError("The mail server cannot be trusted: its certificate is not acceptable.") from error
    except (OSError, IMAPClientError, imaplib.IMAP4.error) as error:
        raise MailboxError("The mail server cannot be reached just now.") from error
    try:
        try:
            client.login(user, password)
        except (LoginError, UnicodeError) as error:
            raise LoginRefused("The name or the password is wrong.") from error
        yield ImapMailbox(client)
    except (IMAPClientError, imaplib.IMAP4.error) as error:
        raise MailboxError(f"The mail server says: {_said(error)}") from error
    except OSError as error:
        raise MailboxError("The connection to the mail server was lost.") from error
    finally:
        with contextlib.suppress(OSError, IMAPClientError, imaplib.IMAP4.error):
            client.logout()


class _Client(IMAPClient):  # type: ignore[misc]  # the library has no types
    """Speaks from an address of ours, and sends what it has at once (Nagle would add 40 ms to every literal)."""

    def __init__(self, place: Place) -> None:
        self._place = place
        super().__init__(place.host or place.address, port=place.port, ssl=False, timeout=_TIMEOUT_S)
        if place.tls is not None:
            self.starttls(place.tls)

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - imapclient's name
        return _Connection(self._place)


class _Connection(imaplib.IMAP4):
    def __init__(self, place: Place) -> None:
        self._place = place
        super().__init__(place.host or place.address, place.port, _TIMEOUT_S)  # the name a certificate is checked for

    def shutdown(self) -> None:
        """Close; where there is TLS, when the server's goodbye has come: it would be answered by RST."""
        with contextlib.suppress(OSError):
            while isinstance(self.sock, ssl.SSLSocket) and self.sock.recv(_CHUNK):
                pass
        super().shutdown()

    def _create_socket(self, timeout: float | None) -> socket.socket:
        source = (self._place.source, 0) if self._place.source else None
        made = socket.create_connection((self._place.address, self._place.port), timeout, source)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def _peek(item: bytes) -> str:
    return item.decode().replace("BODY[", "BODY.PEEK[")


def _summary(uid: int, fetched: dict[bytes, object]) -> Summary:
    # Servers echo the item as they like (order and case of the fields, quotes): it is the one that begins so.
    raw = next((value for key, value in fetched.items() if key.startswith(b"BODY[")), b"")
    head = email.message_from_bytes(raw if isinstance(raw, bytes) else b"", policy=email.policy.default)
    flags, octets = fetched.get(b"FLAGS", ()), fetched.get(b"RFC822.SIZE", 0)
    return Summary(
        uid,
        header(head, "From"),
        header(head, "To"),
        header(head, "Subject"),
        date_of(head),
        SEEN in flags if isinstance(flags, tuple) else False,
        octets if isinstance(octets, int) else 0,
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


def _said(error: Exception) -> str:
    text = str(error.args[0] if error.args else error)
    return "".join(c if c.isprintable() else " " for c in text)[:200]
