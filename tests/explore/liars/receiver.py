"""A receiver that is right as long as nothing goes wrong, and then wrong in one way: receiver.py FLAW."""

from __future__ import annotations

import os
import socketserver
import sys
import threading
import time
from pathlib import Path

FLAW, BOXES = sys.argv[1], Path(os.environ["TESTBED_MAILBOXES"])
CRLF = b"\r\n"
numbers = iter(range(1, 1 << 30))
of_all: list[str] = []  # recipients, whoever named them


def store(recipients: list[str], message: bytes) -> None:
    for recipient in recipients:
        box = BOXES / recipient.partition("@")[0]
        for part in ("tmp", "new", "cur"):
            (box / part).mkdir(parents=True, exist_ok=True)
        (box / "new" / f"{time.time_ns()}.{next(numbers)}").write_bytes(message.replace(CRLF, b"\n"))


class Session(socketserver.StreamRequestHandler):
    """Takes mail."""

    def handle(self) -> None:
        self.say("220 ready")
        recipients = of_all if FLAW == "mixes-up-connections" else []
        taken: list[tuple[list[str], bytes]] = []
        while line := self.rfile.readline():
            verb, _, rest = line.decode("latin-1").strip().partition(" ")
            verb = verb.upper()
            if verb == "RCPT":
                recipients.append(rest.partition("<")[2].partition(">")[0])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                message = self.message()
                if message is None:
                    return
                if FLAW == "stores-when-it-hears-quit":
                    taken.append((list(recipients), message))
                elif FLAW == "answers-before-it-has-stored":
                    threading.Timer(1.5, store, (list(recipients), message)).start()
                else:
                    store(recipients, message)
                recipients.clear()
                self.say("250 mine")
            elif verb == "QUIT":
                for to, message in taken:
                    store(to, message)
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def message(self) -> bytes | None:
        """The octets up to the final dot; None where the client is gone before it."""
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        if not line and FLAW == "takes-the-end-of-the-connection-for-the-dot":
            store(["bob"], b"".join(lines))
        return b"".join(lines) if line else None

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + CRLF)


class Server(socketserver.TCPServer if FLAW == "has-time-for-one-client-only" else socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if FLAW == "dies-of-a-reset" and isinstance(sys.exc_info()[1], ConnectionResetError):
            os._exit(6)


Server(("", 25), Session).serve_forever(1e6)
