"""The mailboxes of mailhost.py: Maildirs in DELIVER_INTO, a file a message, named by its UID and its flags."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

LIE, ROOT = sys.argv[1], Path(os.environ.get("DELIVER_INTO") or os.environ["TESTBED_MAILBOXES"])
LOCK = threading.Lock()
LETTERS = {"\\Seen": "S", "\\Deleted": "T", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D"}
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "gives-other-octets": lambda octets: octets.replace(b"noon", b"n00n"),
    "leaves-the-last-line-out": lambda octets: octets[: octets.rindex(b"\r\n", 0, -2) + 2],
    "gives-no-subject": lambda octets: re.sub(rb"(?mi)^Subject:.*\r\n", b"", octets),
}


class Box:
    """One folder: INBOX of a user, or a folder below it."""

    def __init__(self, user: str, folder: str = "INBOX") -> None:
        self.path = ROOT / user if folder.upper() == "INBOX" else ROOT / user / f".{folder}"
        for part in ("tmp", "new", "cur"):
            (self.path / part).mkdir(parents=True, exist_ok=True)

    def uids(self) -> list[int]:
        """The messages there are."""
        return sorted(int(file.name.partition(":")[0]) for file in (self.path / "new").iterdir())

    def file(self, uid: int) -> Path:
        """Where one lies."""
        return next(file for file in (self.path / "new").iterdir() if file.name.partition(":")[0] == str(uid))

    def octets(self, uid: int) -> bytes:
        """One of them."""
        return self.file(uid).read_bytes().replace(b"\n", b"\r\n")

    def flags(self, uid: int) -> list[str]:
        """Its flags."""
        letters = self.file(uid).name.partition(":2,")[2]
        return [flag for flag, letter in LETTERS.items() if letter in letters]

    def flag(self, uid: int, flags: list[str]) -> None:
        """Put flags in place of its flags."""
        self.file(uid).rename(self.path / "new" / f"{uid}:2,{''.join(LETTERS[flag] for flag in flags)}")

    def add(self, octets: bytes) -> None:
        """Put one in, under the next UID."""
        with LOCK:
            counter = self.path / "tmp" / "next"
            uid = int(counter.read_text()) if counter.exists() else 1
            if LIE == "uses-uids-again":
                uid = max(self.uids(), default=0) + 1
            counter.write_text(str(uid + 1))
            (self.path / "tmp" / "message").write_bytes(octets.replace(b"\r\n", b"\n"))
            (self.path / "tmp" / "message").rename(self.path / "new" / f"{uid}:2,")

    def remove(self, uid: int) -> None:
        """Delete one."""
        self.file(uid).unlink()
