"""Moves Bob's mail into a Maildir, and is wrong where something goes wrong, in one way: reader.py FLAW.

It reads by POP3 every ten minutes, as long as there may be mail, and keeps each message before it deletes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import poplib
import sys
import time
from pathlib import Path

FLAW = sys.argv[1]
BOX = Path(os.environ["TESTBED_DIRECTORY"], "Maildir")
SESSIONS, EVERY_S = 4, 600
for part in ("tmp", "new", "cur"):
    (BOX / part).mkdir(parents=True, exist_ok=True)


def keep(octets: bytes) -> None:
    """Once, however often it comes."""
    new = BOX / "tmp" / hashlib.sha256(octets).hexdigest()
    new.write_bytes(octets)
    new.rename(BOX / "new" / new.name)


def move() -> None:
    mailbox = poplib.POP3("someschool.edu", timeout=310)
    mailbox.user("bob")
    mailbox.pass_("opensesame")
    in_memory = []
    for number in range(1, len(mailbox.uidl()[1]) + 1):
        try:
            message = b"\n".join(mailbox.retr(number)[1]) + b"\n"
        except poplib.error_proto:
            if FLAW == "deletes-what-it-was-refused":
                mailbox.dele(number)
            continue
        if FLAW == "keeps-when-it-has-heard-all":
            in_memory.append(message)
        else:
            keep(message)
        mailbox.dele(number)
    mailbox.quit()
    for message in in_memory:
        keep(message)


time.sleep(EVERY_S)
for _ in range(SESSIONS):
    with contextlib.suppress(OSError, EOFError, poplib.error_proto):
        move()
    time.sleep(EVERY_S)
