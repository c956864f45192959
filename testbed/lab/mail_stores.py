"""The forms in which programs keep mailboxes, as the lab looks into them: Maildirs and mbox files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from testbed.protocols.mbox import read_mbox
from testbed.regular_file import read_regular

_MAX_OCTETS = 52_428_800


class Kept(Struct, frozen=True):
    """A message in a mailbox: its octets, whether lines may be quoted, and the envelope sender where it is known.

    ``folder`` is that of one that was read by IMAP or POP3, ``""`` for one that lies in a file.
    """

    octets: bytes
    quoted: bool = False
    sender: str = ""
    folder: str = ""


class MailStore(Protocol):
    """A mailbox of a program's."""

    def messages(self, *, at_rest: bool) -> Iterator[tuple[str, Callable[[], Kept]]]:
        """What lies there: a name that stays the same, and how to read it.

        ``at_rest`` tells that nobody writes any more; else what may be in the middle of being written is left out.
        """
        ...


class Maildir:
    """A folder with a file a message; those in ``tmp`` are not there yet."""

    def __init__(self, folder: Path) -> None:
        self._parts = (str(folder / "new"), str(folder / "cur"))

    def messages(self, *, at_rest: bool) -> Iterator[tuple[str, Callable[[], Kept]]]:
        """See :class:`MailStore`; files appear whole."""
        for part in self._parts:
            try:
                with os.scandir(part) as entries:
                    files = sorted(entry.path for entry in entries if entry.is_file(follow_symlinks=False))
            except OSError:
                continue
            for file in files:
                name = os.path.basename(file).partition(":")[0]
                yield name, lambda file=file: Kept(_read(Path(file)))  # type: ignore[misc]


class Mbox:
    """A file that messages are appended to, known by their octets."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last: tuple[int, int] | None = None

    def messages(self, *, at_rest: bool) -> Iterator[tuple[str, Callable[[], Kept]]]:
        """See :class:`MailStore`; the file is read when it has not changed since it was looked at last."""
        try:
            status = self._file.stat()
        except OSError:
            return
        now = (status.st_size, status.st_mtime_ns)
        changed, self._last = now != self._last, now
        if changed and not at_rest:
            return
        seen: Counter[str] = Counter()
        for message in read_mbox(_read(self._file)):
            digest = sha256(message.octets).hexdigest()
            seen[digest] += 1
            kept = Kept(message.octets, quoted=True, sender=message.sender)
            yield f"{digest}.{seen[digest]}", lambda kept=kept: kept  # type: ignore[misc]


STORES: dict[str, Callable[[Path], MailStore]] = {"maildir": Maildir, "mbox": Mbox}


def _read(file: Path) -> bytes:
    """A file, or nothing when it is gone by now."""
    try:
        return read_regular(file, _MAX_OCTETS, follow_links=False)
    except OSError:
        return b""
