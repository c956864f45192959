"""Fetches all mail of bob into a Maildir and deletes it at the server, or does not: reader.py LIE PROTOCOL SERVER.

The Maildir lies in TESTBED_DIRECTORY.  It waits until there are three messages.
"""

from __future__ import annotations

import imaplib
import os
import poplib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LIE, PROTOCOL, SERVER = sys.argv[1:4]
BOX = Path(os.environ["TESTBED_DIRECTORY"]) / "Maildir"
MESSAGES, MOST_TRIES, WAIT_S = 3, 100, 0.1
LEFT_OUT = 2  # the message that a lie is about
for part in ("tmp", "new", "cur"):
    (BOX / part).mkdir(parents=True, exist_ok=True)


def keep(number: int, octets: bytes) -> None:
    """Store a message, or not."""
    if LIE == "stores-nothing" or (LIE == "forgets-one" and number == LEFT_OUT):
        return
    for copy in range(2 if LIE == "stores-twice" else 1):
        (BOX / "new" / f"{time.time_ns()}.{number}.{copy}").write_bytes(octets)


def whether_to_fetch(number: int) -> bool:
    """All but what the lie is about."""
    return LIE not in ("fetches-nothing", "deletes-by-header") and not (
        LIE in ("deletes-unread", "deletes-half-read", "passes-over-what-is-large") and number == LEFT_OUT
    )


def by_pop3() -> bool:
    """By RFC 1939; whether there was enough."""
    mailbox = poplib.POP3(SERVER)
    mailbox.user("bob")
    mailbox.pass_("opensesame")
    if mailbox.stat()[0] < MESSAGES:
        mailbox.quit()
        return False
    if LIE == "passes-over-what-is-large":
        mailbox.list()
    for number in range(1, MESSAGES + 1):
        if whether_to_fetch(number):
            by_top = LIE == "fetches-by-top"
            lines = (mailbox.top(number, 99_999_999) if by_top else mailbox.retr(number))[1]
            keep(number, b"\n".join(lines) + b"\n")
        mailbox.dele(number)
    mailbox.quit()
    return True


def pieces(mailbox: imaplib.IMAP4, number: int) -> Iterator[bytes]:
    """A message, in halves or in pieces, or less of it."""
    if LIE == "fetches-in-halves":
        asked = ["BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]"]
    elif LIE == "fetches-in-pieces":
        asked = [f"BODY.PEEK[]<{at}.100>" for at in range(0, 1000, 100)]
    elif LIE == "deletes-half-read" and number == LEFT_OUT:
        asked = ["BODY.PEEK[]<0.100>"]
    else:
        asked = ["BODY.PEEK[]"]
    for part in asked:
        for answer in mailbox.fetch(str(number), f"(RFC822.SIZE {part})")[1]:
            if isinstance(answer, tuple):
                yield answer[1]


def by_imap() -> bool:
    """By RFC 3501; whether there was enough."""
    mailbox = imaplib.IMAP4(SERVER)
    mailbox.login("bob", "opensesame")
    if int(mailbox.select()[1][0] or 0) < MESSAGES:
        mailbox.logout()
        return False
    for number in range(1, MESSAGES + 1):
        if whether_to_fetch(number) or LIE == "deletes-half-read":
            keep(number, b"".join(pieces(mailbox, number)))
        if LIE == "deletes-by-header":
            mailbox.fetch(str(number), "(BODY.PEEK[HEADER])")
        mailbox.store(str(number), "+FLAGS", "\\Deleted")
    mailbox.expunge()
    mailbox.logout()
    return True


for _ in range(MOST_TRIES):
    if (by_pop3 if PROTOCOL == "pop3" else by_imap)():
        break
    time.sleep(WAIT_S)
