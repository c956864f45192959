"""Mailboxes on disk: Maildirs with quotas."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from pathlib import Path

from testbed.protocols.header import header_field

_MAX_HEAD = 65_536


class Mailbox:
    """One user's Maildir.  ``quota`` and :attr:`octets` count octets as they lie on disk, CRLF included."""

    def __init__(self, address: str, directory: Path, quota: int | None = None) -> None:
        self.address = address
        self.quota = quota
        self._maildir = mailbox.Maildir(directory, create=True)
        self._path = directory

    @property
    def octets(self) -> int:
        """What the messages take up."""
        return sum(entry.stat().st_size for part in ("new", "cur") for entry in (self._path / part).iterdir())

    @property
    def full(self) -> bool:
        """Whether not one octet more fits."""
        return self.quota is not None and self.octets >= self.quota

    def has_room_for(self, octets: int) -> bool:
        """Whether a message of that size fits."""
        return self.quota is None or self.octets + octets <= self.quota

    def store(self, message: bytes) -> None:
        """Add a message; it is on stable storage when this returns."""
        self._maildir.add(message)

    def fill(self, octets: int, date: str) -> None:
        """Put in one old message of exactly that many octets (at least the size of its headers)."""
        if not octets:
            return
        headers = (
            f"From: archive@{self.address.partition('@')[2]}\r\nTo: {self.address}\r\nDate: {date}\r\n"
            f"Subject: Old mail that fills this mailbox\r\nMessage-ID: <filler@{self.address}>\r\n\r\n"
        ).encode()
        padding = max(0, octets - len(headers))
        line = b"x" * 70 + b"\r\n"
        body = (line * (padding // len(line) + 1))[:padding]
        self._maildir.add(headers + body)

    def empty(self) -> int:
        """Delete every message and give their number."""
        count = len(self._maildir)
        self._maildir.clear()
        return count

    def message_ids(self) -> Iterator[str]:
        """The Message-ID of every message held."""
        for key in sorted(self._maildir.keys()):
            with self._maildir.get_file(key) as file:
                head = file.read(_MAX_HEAD)
            yield header_field(head, "Message-ID")
