"""A receiver that keeps its promises, or breaks one: receiver.py LIE.  It delivers into DELIVER_INTO."""

from __future__ import annotations

import os
import re
import smtplib
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LIE, ROOT = sys.argv[1], Path(os.environ.get("DELIVER_INTO") or os.environ["TESTBED_MAILBOXES"])
FORM = os.environ.get("FORM", "maildir")
QUOTES: dict[str, Callable[[bytes], bytes]] = {
    "mboxrd": lambda message: re.sub(rb"(?m)^(>*From )", rb">\1", message),
    "mboxo": lambda message: re.sub(rb"(?m)^From ", b">From ", message),
    "mboxcl2": lambda message: b"Content-Length: %d\n" % len(message.partition(b"\n\n")[2]) + message,
}
CHANGES: dict[str, Callable[[bytes, bytes], tuple[bytes, bytes]]] = {
    "changes-a-letter": lambda head, body: (head, body.replace(b"e", b"3", 1)),
    "cuts-the-end-off": lambda head, body: (head, body[: len(body) // 2]),
    "adds-a-footer": lambda head, body: (head, body + b"-- \r\nSent by a liar\r\n"),
    "drops-empty-lines": lambda head, body: (head, body.replace(b"\r\n\r\n", b"\r\n")),
    "changes-the-case": lambda head, body: (head, body.upper()),
    "keeps-the-header-only": lambda head, body: (head, b""),
    "drops-the-subject": lambda head, body: (re.sub(rb"(?mi)^Subject:.*\r\n", b"", head), body),
    "drops-the-message-id": lambda head, body: (re.sub(rb"(?mi)^Message-ID:.*\r\n", b"", head), body),
    "marks-the-subject": lambda head, body: (re.sub(rb"(?mi)^Subject:", b"Subject: [SPAM]", head), body),
    "folds-the-subject": lambda head, body: (re.sub(rb"(?mi)^(Subject: \w+) ", rb"\1\r\n ", head), body),
    "ends-without-a-line-end": lambda head, body: (head, body.rstrip(b"\r\n")),
    "mends-line-ends": lambda head, body: (head, re.sub(rb"(?<!\r)\n\.?", b" ", body)),
    "adds-trace-fields": lambda head, body: (b"Delivered-To: bob\r\nReceived: by me\r\n" + head, body),
}
taken = 0


def store(user: str, message: bytes) -> None:
    """Put a message into a Maildir, with lines as the system has them."""
    if FORM != "maildir":
        ROOT.mkdir(exist_ok=True)
        with (ROOT / user).open("ab") as box:
            lines = QUOTES[FORM](message.replace(b"\r\n", b"\n"))
            box.write(b"From alice@crepes.fr Sun Nov 29 01:13:45 2026\n" + lines.rstrip(b"\n") + b"\n\n")
        return
    box = ROOT / user
    for part in ("tmp", "new", "cur"):
        (box / part).mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}.{taken}"
    (box / "tmp" / name).write_bytes(message.replace(b"\r\n", b"\n"))
    (box / "tmp" / name).rename(box / "new" / name)


def answer(message: bytes, sender: str) -> None:
    """Tell the author that nobody is here (RFC 3834), whatever path the message came from."""
    original = re.search(rb"(?mi)^Message-ID: (.*)\r\n", message)
    reply = f"Message-ID: <{time.time_ns()}@someschool.edu>\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n"
    reply += f"In-Reply-To: {original[1].decode() if original else ''}\r\n\r\nNobody is here\r\n"
    with smtplib.SMTP("crepes.fr", 25, "someschool.edu", timeout=5) as server:
        server.sendmail("", [sender or "alice@crepes.fr"], reply.encode())


def keep(users: list[str], message: bytes) -> None:
    """Deliver as promised, or not."""
    global taken
    taken += 1
    if LIE == "forgets" or (LIE == "forgets-every-second" and taken % 2 == 0):
        return
    if LIE == "stores-too-late":
        threading.Timer(5, store, (users[0], message)).start()
        return
    head, _, body = message.partition(b"\r\n\r\n")
    head, body = CHANGES.get(LIE, lambda head, body: (head, body))(head + b"\r\n", body)
    users = {
        "keeps-the-first-recipient": users[:1],
        "keeps-the-last-recipient": users[-1:],
        "delivers-to-somebody-else": ["carol"],
        "delivers-to-carol-too": [*users, "carol"],
        "delivers-twice": users * 2,
    }.get(LIE, users)
    for user in users:
        store(user, head + b"\r\n" + body)


class Session(socketserver.StreamRequestHandler):
    """One client's dialogue (RFC 5321)."""

    def handle(self) -> None:
        """Take commands until QUIT."""
        self.say("220 someschool.edu")
        users: list[str] = []
        sender = ""
        for line in self.lines():
            verb = line[:4].upper()
            if verb == b"MAIL":
                users = []
                sender = line.partition(b"<")[2].partition(b">")[0].decode()
            if verb == b"RCPT":
                user = line.partition(b"<")[2].partition(b"@")[0].decode()
                refused = LIE in ("keeps-for-whom-it-refused", "refuses-dave") and user == "dave"
                users += [user] if LIE != "refuses-dave" or not refused else []
                if refused:
                    self.say("550 5.1.1 No such user")
                    continue
            if verb == b"DATA":
                self.message(users, sender)
                continue
            self.say("221 Bye" if verb == b"QUIT" else "250 Fine")
            if verb == b"QUIT":
                return

    def message(self, users: list[str], sender: str) -> None:
        """The message, and what is said to it."""
        self.say("354 Go on")
        message = b"".join(self.until_dot())
        if LIE != "ends-with-its-250":
            keep(users, message)
        if LIE == "answers-everybody" or (LIE == "answers-who-can-be-told" and sender):
            answer(message, sender)
        self.say("554 5.6.0 Not this" if LIE == "keeps-what-it-refused" else "250 2.0.0 Taken")
        if LIE == "ends-with-its-250":
            self.wfile.flush()
            os._exit(3)

    def lines(self) -> Iterator[bytes]:
        """What the client says."""
        while line := self.rfile.readline():
            yield line

    def until_dot(self) -> Iterator[bytes]:
        """The lines of a message, dots unstuffed; a line begins behind CRLF and nowhere else."""
        begins = True
        for line in self.lines():
            if (begins and line == b".\r\n") or (LIE == "ends-data-at-any-lone-dot" and line.strip() == b"."):
                return
            yield line[begins and line[:1] == b"." and LIE != "keeps-stuffed-dots" :]
            begins = line.endswith(b"\r\n")

    def say(self, reply: str) -> None:
        """Answer."""
        self.wfile.write(reply.encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    """A listening port."""

    allow_reuse_address = daemon_threads = True


Server(("", 25), Session).serve_forever()
