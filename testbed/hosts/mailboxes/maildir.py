"""One folder of a Maildir: a file for each message, its flags in the file's name (https://cr.yp.to/proto/maildir.html).

A hollow message is as long as any other, but its file has a hole behind the header, which takes up no room.  Whoever
reads it is given lines there.
"""

from __future__ import annotations

import mailbox
import os
from pathlib import Path

from testbed.hosts.mailboxes import old_mail
from testbed.hosts.mailboxes.rehearsal import for_real

FLAGS = "DFPRST"  # draft, flagged, passed on, replied to, seen, to be deleted
_HOLLOW = ",hollow"  # what the keys of hollow messages end with


class MaildirFolder:
    """A message's key is the unique part of its file's name, and stays the same when its flags change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._maildir = mailbox.Maildir(path, create=True)
        self._files: dict[str, Path] = {}

    def keys(self) -> list[str]:
        """Every message, the oldest first."""
        self._scan()
        return sorted(self._files, key=lambda key: (self._files[key].stat().st_mtime, key))

    def read(self, key: str) -> bytes:
        """A message as it lies on disk.  Raises KeyError when it is gone."""
        if not self.is_hollow(key):
            return self._file(key).read_bytes()
        head = self.head(key)
        return head + old_mail.lines(self.octets(key) - len(head))

    def head(self, key: str) -> bytes:
        """The header of a message, with the empty line behind it.  Raises KeyError."""
        head = bytearray()
        with self._file(key).open("rb") as file:
            for line in file:
                head += line
                if line in (b"\r\n", b"\n"):
                    break
        return bytes(head)

    def is_hollow(self, key: str) -> bool:
        """Whether only the header of a message takes up room; it ends with CRLF."""
        return key.endswith(_HOLLOW)

    def octets(self, key: str) -> int:
        """The size of a message on disk.  Raises KeyError."""
        return self._file(key).stat().st_size

    def date(self, key: str) -> float:
        """When a message came, Unix time.  Raises KeyError."""
        return self._file(key).stat().st_mtime

    def add(self, message: bytes, date_s: float | None, flags: str | None = None) -> str:
        """Put a message in, and give its key; with ``flags``, somebody has seen that it is there."""
        for_real()
        key: str = self._maildir.add(message)
        file = self.path / "new" / key
        if flags is not None:
            file = file.rename(self._seen(key, flags))
        if date_s is not None:
            os.utime(file, (date_s, date_s))
        self._files[key] = file
        return key

    def add_hollow(self, head: bytes, octets: int) -> str:
        """Put in a message of that many octets of which only the head is given, and give its key."""
        key = self.add(head, None)
        file = self._files.pop(key)
        os.truncate(file, max(octets, len(head)))
        self._files[key + _HOLLOW] = file.rename(file.with_name(key + _HOLLOW))
        return key + _HOLLOW

    def copy(self, key: str, to: MaildirFolder) -> str:
        """Put the same message, with its date and flags, into another folder, and give its key there.

        Raises KeyError.
        """
        date_s, flags = self.date(key), self.flags(key)
        if not self.is_hollow(key):
            return to.add(self.read(key), date_s, flags)
        there = to.add_hollow(self.head(key), self.octets(key))
        to.flag(there, flags)
        os.utime(to._file(there), (date_s, date_s))
        return there

    def move(self, key: str, to: MaildirFolder) -> None:
        """Move a message into another folder, in one step.  Raises KeyError."""
        for_real()
        file = self._file(key)
        to._files[key] = file.rename(to.path / file.parent.name / file.name)

    def delete(self, key: str) -> None:
        """Delete a message; one that is gone already is no error."""
        for_real()
        try:
            self._file(key).unlink(missing_ok=True)
        except KeyError:
            return

    def flags(self, key: str) -> str:
        """The flags of a message, some of :data:`FLAGS`.  Raises KeyError."""
        return self._file(key).name.rpartition(":2,")[2] if ":2," in self._file(key).name else ""

    def is_new(self, key: str) -> bool:
        """Whether nobody has seen yet that a message is there.  Raises KeyError."""
        return self._file(key).parent.name == "new"

    def flag(self, key: str, flags: str) -> None:
        """Give a message these flags instead of those it has.  Raises KeyError."""
        for_real()
        self._files[key] = self._file(key).rename(self._seen(key, flags))

    def _seen(self, key: str, flags: str) -> Path:
        return self.path / "cur" / f"{key}:2,{''.join(sorted(flags))}"

    def _file(self, key: str) -> Path:
        if key not in self._files or not self._files[key].exists():
            self._scan()
        return self._files[key]

    def _scan(self) -> None:
        self._files = {
            entry.name.partition(":")[0]: Path(entry.path)
            for part in ("new", "cur")
            for entry in os.scandir(self.path / part)
        }
