"""A relay that does with mail what relays do, by the user the mail is for; its queue is a folder of its directory.

Its own domain is TESTBED_DOMAIN, where ``team`` is two people elsewhere, ``dave`` is forwarded, and a detail behind a
``+`` is nobody's name.
"""

from __future__ import annotations

import os
import smtplib
import socketserver
import threading
import time
from pathlib import Path

OWN, QUEUE = os.environ["TESTBED_DOMAIN"], Path(os.environ["TESTBED_DIRECTORY"]) / "queue"
BOXES = Path(os.environ["TESTBED_MAILBOXES"])
THERE = "someschool.edu"
SENDERS = {
    "srs": "srs0=hash=tt=crepes.fr=alice@crepes.fr",
    "batv": "prvs=1234abcdef=alice@crepes.fr",
    "verp": "alice+verp=someschool.edu@crepes.fr",
    "below": "alice@host.crepes.fr",
}
ALIASES = {"team": [f"bob@{THERE}", f"carol@{THERE}"], "dave": [f"carol@{THERE}"]}
FORGED = (b"authentication-results:", b"x-spam-")
TRACE = b"Received: from somebody by me\r\nDKIM-Signature: v=1; b=none\r\nARC-Seal: i=1\r\nX-Seen-By: me\r\n"


def forward(sender: str, recipient: str, message: bytes) -> str:
    """Send a message on; the reply that refused it."""
    user = recipient.partition("@")[0]
    head, _, text = message.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(FORGED)]
    try:
        with smtplib.SMTP(recipient.partition("@")[2], 25, OWN) as server:
            fields = TRACE + b"\r\n".join(lines)
            server.sendmail(SENDERS.get(user, sender), [recipient], fields + b"\r\n\r\n" + text)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        return f"{code} {words.decode()}"
    return ""


def probe(sender: str, recipient: str) -> None:
    """Ask the next hop whether it would take this."""
    with smtplib.SMTP(recipient.partition("@")[2], 25, OWN) as server:
        server.ehlo()
        server.mail(sender)
        server.rcpt(recipient)
        server.rset()


def store(user: str, message: bytes) -> None:
    """Deliver here."""
    for part in ("tmp", "new", "cur"):
        (BOXES / user / part).mkdir(parents=True, exist_ok=True)
    (BOXES / user / "new" / f"{time.time_ns()}").write_bytes(message.replace(b"\r\n", b"\n"))


def deliver(sender: str, recipient: str, message: bytes) -> None:
    """Send it to where it is to go, and say in words what became of it if it came nowhere."""
    user, _, domain = recipient.partition("@")
    if domain == OWN and user not in ALIASES:
        store(user.partition("+")[0], message)
        return
    for target in ALIASES.get(user, [recipient]) if domain == OWN else [recipient]:
        refused = forward(sender, target, message)
        if refused[:1] == "4":
            refused = forward(sender, target, message)
        if refused:
            head = f"From: MAILER-DAEMON@{OWN}\r\nMessage-ID: <{time.time_ns()}@{OWN}>\r\nSubject: failure notice\r\n"
            words = f"{head}\r\nHi. This is the mail program. I could not deliver to\r\n<{target}>:\r\n{refused}\r\n"
            told = sender or f"root@{OWN}"
            if told.endswith(f"@{OWN}"):
                store("postmaster" if not sender else told.partition("@")[0], words.encode())
            else:
                forward("", told, words.encode())


class Session(socketserver.StreamRequestHandler):
    """One client's dialogue (RFC 5321)."""

    def handle(self) -> None:
        """Take mail until QUIT."""
        self.say(f"220 {OWN}")
        sender, to = "", []
        while line := self.rfile.readline():
            verb, address = line[:4].upper(), line.partition(b"<")[2].partition(b">")[0].decode()
            if verb == b"MAIL":
                sender, to = address, []
            if verb == b"RCPT":
                to.append(address)
                if address.startswith("probed"):
                    probe(sender, address)
            if verb == b"DATA":
                self.say("354 Go on")
                message = b"".join(line[line[:1] == b"." :] for line in iter(self.rfile.readline, b".\r\n"))
                QUEUE.mkdir(exist_ok=True)
                file = QUEUE / f"{time.time_ns()}"
                file.write_bytes(message)
                threading.Thread(target=self.work, args=(file, sender, to, message)).start()
            self.say("221 Bye" if verb == b"QUIT" else "250 Fine")
            if verb == b"QUIT":
                return

    def work(self, file: Path, sender: str, to: list[str], message: bytes) -> None:
        """Deliver to everybody; the lab is given time to see the queue."""
        time.sleep(1)
        for recipient in to:
            deliver(sender, recipient, message)
        file.unlink()

    def say(self, reply: str) -> None:
        """Answer."""
        self.wfile.write(reply.encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    """A listening port."""

    allow_reuse_address = daemon_threads = True


threading.Thread(target=Server(("", 587), Session).serve_forever, daemon=True).start()
Server(("", 25), Session).serve_forever()
