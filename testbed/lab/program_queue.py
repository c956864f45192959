"""The queue of a program, as far as it shows: files below its directory that have a message in them.

Most mail servers keep a message as it came, in a file of its own.  A server that is seen to do so has lost what lies in
no file any more and went nowhere; of others nobody can tell.  Templates in its configuration look like messages too: so
which message shows is logged, and whoever judges knows which it was given.  A reader shows where it keeps mail by
a Maildir, too, though nothing lies in it.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.text import printable
from testbed.regular_file import read_regular

_MESSAGE_ID = re.compile(rb"(?i)Message-ID:\s*(<[^<>\s]{1,250}>)")
_FROM = re.compile(rb"(?i)\bFrom:")
_MAX_OCTETS = 1 << 20  # of a file, from its beginning
_MOST = 20  # messages that are told when they show
_MAX_FILES = 2_000  # a directory with more is no queue of a lab, and is not looked at
_Version = tuple[int, int]
_LOGS = (".log", "maillog", "mainlog")  # what tells of a message does not hold it


class ProgramQueue:
    """Looks for messages in the files below ``directory`` that were written since now; ``mailboxes`` are no queue.

    ``reads`` tells that the program reads mail, and may keep it in a Maildir there.
    """

    def __init__(self, site: Site, directory: Path, mailboxes: Collection[Path], *, reads: bool = False) -> None:
        self._site = site
        self._directory = directory
        self._mailboxes = frozenset(map(str, mailboxes))
        self._reads = reads
        self._since_ns = time.time_ns()
        self._shown: set[str] = set()
        self._read: dict[str, _Version] = {}

    @property
    def has_shown(self) -> bool:
        """Whether a message of its queue was seen."""
        return bool(self._shown)

    def look(self) -> None:
        """Log messages when they show, the first few of them."""
        for file, message_id in self._messages(anew=False) if len(self._shown) < _MOST else ():
            if message_id not in self._shown:
                self._shown.add(message_id)
                self._site.log(events.QueueSeen(message_id=message_id, file=file), f"{message_id} lies in {file}")
        if self._reads and (box := self._maildir()):
            self._reads = False
            self._site.log(events.QueueSeen(file=box), f"it has a Maildir: {box}")

    def inventory(self) -> None:
        """Log every message that is there."""
        for file, message_id in self._messages(anew=True):
            self._site.log(events.HoldsFile(message_id=message_id, file=file), f"{message_id} lies in {file}")

    def _messages(self, *, anew: bool) -> Iterator[tuple[str, str]]:
        """File and Message-ID of each message, or of those in files written since the last time."""
        for number, (path, version) in enumerate(self._files()):
            if number > _MAX_FILES:
                return
            if not anew and self._read.get(path) == version:
                continue
            self._read[path] = version
            try:
                octets = read_regular(path, _MAX_OCTETS, follow_links=False)
            except OSError:
                continue
            if _FROM.search(octets):
                for message_id in dict.fromkeys(_MESSAGE_ID.findall(octets)):
                    yield printable(os.path.relpath(path, self._directory)), printable(message_id.decode("latin-1"))

    def _maildir(self) -> str:
        for folder, folders, _ in os.walk(self._directory):
            above = {folder, *map(str, Path(folder).parents)}
            if {"new", "cur", "tmp"} <= set(folders) and not self._mailboxes & above:
                return printable(os.path.relpath(folder, self._directory))
        return ""

    def _files(self) -> Iterator[tuple[str, _Version]]:
        for folder, folders, files in os.walk(self._directory):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in self._mailboxes]
            for name in files:
                path = os.path.join(folder, name)
                no_queue = path in self._mailboxes or name.endswith(_LOGS)
                if not no_queue and (version := _version(path))[0] >= self._since_ns:
                    yield path, version


def _version(path: str) -> _Version:
    """When a file was written, -1 for what is none, and how long it is."""
    try:
        status = os.lstat(path)
    except OSError:
        return -1, 0
    return (status.st_mtime_ns if stat.S_ISREG(status.st_mode) else -1), status.st_size
