"""The queue of a program, as far as it shows: files below its directory that have a message in them.

Most mail servers keep a message as it came, in a file of its own.  A server that is seen to do so has lost what lies in
no file any more and went nowhere; of others nobody can tell.  A
reader shows where it keeps mail by a Maildir, too, though nothing lies in it.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.text import printable

_MESSAGE_ID = re.compile(rb"(?i)Message-ID:\s*(<[^<>\s]{1,250}>)")
_FROM = re.compile(rb"(?i)\bFrom:")
_MAX_OCTETS = 1 << 20  # of a file, from its beginning
_MAX_FILES = 2_000  # a directory with more is no queue of a lab, and is not looked at
_LOGS = (".log", "maillog", "mainlog")  # what tells of a message does not hold it


class ProgramQueue:
    """Looks for messages in the files below ``directory`` that were written since now; ``mailboxes`` is no queue.

    ``reads`` tells that the program reads mail, and may keep it in a Maildir there.
    """

    def __init__(self, site: Site, directory: Path, mailboxes: Path, *, reads: bool = False) -> None:
        self._site = site
        self._directory = directory
        self._mailboxes = mailboxes
        self._reads = reads
        self._since = time.time()
        self._shows = False

    def look(self) -> None:
        """Log the first message that shows."""
        if not self._shows and (found := next(self._messages(), None)) is not None:
            self._shows = True
            file, message_id = found
            self._site.log(events.QueueSeen(file=file), f"{message_id} lies in its queue: {file}")
        if not self._shows and self._reads and (box := self._maildir()):
            self._shows = True
            self._site.log(events.QueueSeen(file=box), f"it has a Maildir: {box}")

    def inventory(self) -> None:
        """Log every message that is there."""
        for file, message_id in self._messages():
            self._site.log(events.HoldsFile(message_id=message_id, file=file), f"{message_id} lies in {file}")

    def _messages(self) -> Iterator[tuple[str, str]]:
        """File and Message-ID of each message."""
        for number, path in enumerate(self._files()):
            if number > _MAX_FILES:
                return
            try:
                with open(path, "rb") as source:
                    octets = source.read(_MAX_OCTETS)
            except OSError:
                continue
            if _FROM.search(octets):
                for message_id in dict.fromkeys(_MESSAGE_ID.findall(octets)):
                    yield printable(os.path.relpath(path, self._directory)), printable(message_id.decode("latin-1"))

    def _maildir(self) -> str:
        for folder, folders, _ in os.walk(self._directory):
            if {"new", "cur", "tmp"} <= set(folders) and self._mailboxes not in (Path(folder), *Path(folder).parents):
                return printable(os.path.relpath(folder, self._directory))
        return ""

    def _files(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self._directory):
            folders[:] = [name for name in folders if Path(folder, name) != self._mailboxes]
            for name in files:
                path = os.path.join(folder, name)
                if not name.endswith(_LOGS) and _written_since(path, self._since):
                    yield path


def _written_since(path: str, since: float) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_mtime >= since
