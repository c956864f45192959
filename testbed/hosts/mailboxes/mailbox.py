"""Mailboxes on disk: Maildirs with folders (Maildir++) and quotas."""

from __future__ import annotations

import mailbox
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.hosts.mailboxes import old_mail
from testbed.hosts.mailboxes.maildir import MaildirFolder
from testbed.protocols.header import header_field

INBOX = "INBOX"


class Mailbox:
    """One user's Maildir, and its folders.

    ``quota`` and :attr:`octets` count octets as files are long, CRLF and holes included; ``limit`` and :attr:`count`
    count messages.  Both count all folders together.  ``in_use`` tells that a POP3 session holds it (RFC 1939 §4),
    ``crowded`` whether a fault leaves no room for so many octets, which would fit otherwise or not.
    """

    def __init__(
        self,
        address: str,
        directory: Path,
        quota: int | None = None,
        limit: int | None = None,
        folders: tuple[str, ...] = (),
        crowded: Callable[[int, bool], bool] = lambda octets, otherwise: False,
    ) -> None:
        self.address = address
        self.quota = quota
        self.limit = limit
        self.folders = folders
        self.path = directory
        self._crowded = crowded
        self.in_use = False
        mailbox.Maildir(directory, create=True)
        self._watchers: list[Callable[[], None]] = []
        self._changing = 0
        for name in folders:
            self.folder(name)

    @property
    def octets(self) -> int:
        """What the messages take up."""
        return sum(entry.stat().st_size for entry in self._entries())

    @property
    def count(self) -> int:
        """How many messages there are."""
        return sum(1 for _ in self._entries())

    @property
    def full(self) -> bool:
        """Whether not one octet, or not one message, more fits."""
        return not self.has_room_for(1)

    def has_room_for(self, octets: int, messages: int = 1) -> bool:
        """Whether so many messages of that size together fit."""
        fit = (self.quota is None or self.octets + octets <= self.quota) and (
            self.limit is None or self.count + messages <= self.limit
        )
        return not self._crowded(octets, fit) and fit

    def store(self, message: bytes, date_s: float | None = None, folder: str = INBOX) -> None:
        """Add a message; it is on stable storage when this returns.  ``date_s`` is when it came (Unix time)."""
        self.folder(folder).add(message, date_s)
        self.changed()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have ``watcher`` called after every change of the inbox that is not its own."""
        self._watchers.append(watcher)

    def changed(self) -> None:
        """Tell everybody who watches."""
        for watcher in self._watchers:
            watcher()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While this is entered, more is to come; whoever watches is told once of all of it."""
        self._changing += 1
        try:
            yield
        finally:
            self._changing -= 1
            self.changed()

    @property
    def is_changing(self) -> bool:
        """Whether more is to come."""
        return self._changing > 0

    def folder(self, name: str = INBOX) -> MaildirFolder:
        """A folder by its name, whose levels a slash divides; it is made where there is none."""
        return MaildirFolder(self.folder_path(name))

    def folder_path(self, name: str) -> Path:
        """Where a folder lies (Maildir++)."""
        return self.path if name == INBOX else self.path / ("." + name.replace("/", "."))

    def folder_names(self) -> list[str]:
        """The inbox, then the others."""
        return [INBOX, *sorted(path.name[1:].replace(".", "/") for path in self.path.glob(".*/"))]

    def fill(self, octets: int, date: str) -> None:
        """Put in old mail of exactly that many octets, or of its headers alone where they are more."""
        inbox = self.folder()
        for number, size in enumerate(old_mail.sizes(octets), 1):
            inbox.add_hollow(old_mail.header(self.address, number, date, size), size)

    def empty(self) -> int:
        """Delete every message and give their number."""
        count = self.count
        for entry in list(self._entries()):
            os.unlink(entry)
        self.changed()
        return count

    def message_ids(self) -> Iterator[tuple[str, str]]:
        """The folder and the Message-ID of every message held."""
        for name in self.folder_names():
            folder = self.folder(name)
            for key in sorted(folder.keys()):
                yield name, header_field(folder.head(key), "Message-ID")

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        for folder in map(self.folder_path, self.folder_names()):
            for part in ("new", "cur"):
                with os.scandir(folder / part) as entries:
                    yield from entries
