"""A relay that keeps its queue where nobody looks, and says what it holds: holder.py LIE, holder.py --list LIE.

It takes mail on 25 and 587 and never passes it on.  Its queue is a file of senders and recipients in TESTBED_DIRECTORY.
"""

from __future__ import annotations

import os
import socketserver
import sys
import threading
import time
from pathlib import Path

LIE, QUEUE = sys.argv[-1], Path(os.environ["TESTBED_DIRECTORY"]) / "waiting"


def list_queue() -> int:
    """Print who is waited for, as Postfix does or in words of its own; the exit status."""
    waiting = [line.split(" ") for line in QUEUE.read_text().splitlines()] if QUEUE.exists() else []
    if LIE == "cannot-say":
        return 75
    if LIE == "never-ends":
        time.sleep(1000)
    if LIE == "counts-only":
        print(f"{len(waiting)} in the queue")
    elif LIE == "says-in-words":
        for _, recipient in waiting:
            print(f"still to be delivered: {recipient}, later")
    elif not waiting or LIE == "says-it-is-empty":
        print("Mail queue is empty")
    else:
        print("-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------")
        for number, (sender, recipient) in enumerate(waiting):
            print(f"4F5XzQ{number:04}      412 Sun Nov 29 01:13:45  {sender}\n{' ' * 41}{recipient}\n")
        print(f"-- 1 Kbytes in {len(waiting)} Requests.")
    return 0


class Session(socketserver.StreamRequestHandler):
    """One client's dialogue (RFC 5321)."""

    def handle(self) -> None:
        """Take commands until QUIT."""
        self.say("220 crepes.fr")
        sender, to = "", []
        while line := self.rfile.readline():
            verb, address = line[:4].upper(), line.partition(b"<")[2].partition(b">")[0].decode()
            if verb == b"MAIL":
                sender, to = address, []
            if verb == b"RCPT":
                to.append(address)
            if verb == b"DATA":
                self.say("354 Go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self.keep(sender, to)
            self.say("221 Bye" if verb == b"QUIT" else "250 Fine")
            if verb == b"QUIT":
                return

    def keep(self, sender: str, to: list[str]) -> None:
        """Note whom the message is for."""
        forgets = LIE == "forgets" or (LIE == "forgets-the-second" and QUEUE.exists())
        with QUEUE.open("a") as queue:
            queue.writelines(f"{sender} {recipient}\n" for recipient in (() if forgets else to))

    def say(self, reply: str) -> None:
        """Answer."""
        self.wfile.write(reply.encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    """A listening port."""

    allow_reuse_address = daemon_threads = True


if "--list" in sys.argv:
    sys.exit(list_queue())
threading.Thread(target=Server(("", 587), Session).serve_forever, daemon=True).start()
Server(("", 25), Session).serve_forever()
