#!/usr/bin/env python3
"""A relay of a hundred lines, to put under test: it keeps mail in memory and tries every half second.

little-relay.py DOMAIN PORT...
"""

from __future__ import annotations

import os
import queue
import smtplib
import socketserver
import sys
import threading
import time

RETRY_S, GIVE_UP_S = 0.5, 5.0


class Session(socketserver.StreamRequestHandler):
    """One client's dialogue (RFC 5321)."""

    def handle(self) -> None:
        """Take commands until QUIT."""
        self.say("220 little relay")
        sender, recipients = "", []
        while line := self.rfile.readline().decode("utf-8", "replace").strip():
            verb = line.partition(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                self.say("250 little relay")
            elif verb == "MAIL":
                sender, recipients = path(line), []
                self.say("250 2.1.0 OK")
            elif verb == "RCPT":
                recipients.append(path(line))
                self.say("250 2.1.5 OK")
            elif verb == "DATA":
                self.say("354 Go on")
                for recipient in recipients:
                    MAIL.put((time.monotonic(), sender, recipient, b"".join(self.message())))
                self.say("250 2.0.0 Taken")
            elif verb == "QUIT":
                self.say("221 2.0.0 Bye")
                return
            else:
                self.say("502 5.5.1 Not known here")

    def message(self):
        """The lines of a message, up to the dot."""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            yield line[1:] if line.startswith(b".") else line

    def say(self, reply: str) -> None:
        """Answer."""
        self.wfile.write(reply.encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    """A listening port."""

    allow_reuse_address = daemon_threads = True


MAIL: queue.Queue[tuple[float, str, str, bytes]] = queue.Queue()


def path(line: str) -> str:
    """What stands between the angle brackets."""
    return line.partition("<")[2].partition(">")[0]


def deliver(arrived: float, sender: str, recipient: str, message: bytes) -> None:
    """Try once; for now or for good, a failure puts the mail back until it is too old.  (A good relay would bounce.)"""
    try:
        with smtplib.SMTP(recipient.rpartition("@")[2], 25, sys.argv[1], timeout=5) as server:
            server.sendmail(sender, recipient, message)
        print(f"delivered to {recipient}")
    except (OSError, smtplib.SMTPException) as error:
        print(f"deferred for {recipient}: {error}")
        if time.monotonic() < arrived + GIVE_UP_S:
            threading.Timer(RETRY_S, MAIL.put, [(arrived, sender, recipient, message)]).start()


if __name__ == "__main__":
    for number in map(int, sys.argv[2:]):
        threading.Thread(target=Server(("", number), Session).serve_forever, daemon=True).start()
    print(f"listening at {os.environ.get('TESTBED_ADDRESS', 'every address')}")
    while True:
        deliver(*MAIL.get())
