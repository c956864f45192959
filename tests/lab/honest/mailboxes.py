"""Both ends of the dialogues that stand in dialogues.py: mailboxes.py serve, or mailboxes.py visit SERVER."""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
from collections import Counter

from dialogues import HONEST, Visit

PORTS = {"imap": 143, "pop3": 110}
SAID: Counter[str] = Counter()


def login(user: str) -> str:
    """The name somebody logs in with."""
    return user.partition(" ")[0]


def visits() -> list[tuple[str, Visit]]:
    """All of them in their order, with who pays them."""
    return [(login(user), visit) for user, paid in HONEST.items() for visit in paid]


class Session(socketserver.StreamRequestHandler):
    """One visit: the next of its user's."""

    def handle(self) -> None:
        """Answer as it is written."""
        imap = self.server.server_address[1] == PORTS["imap"]
        self.wfile.write(b"* OK here\r\n" if imap else b"+OK here\r\n")
        words = self.rfile.readline().decode().split()
        tag, user = (words[0], words[2]) if imap else ("", words[1])
        self.wfile.write(f"{tag} OK\r\n".encode() if imap else b"+OK\r\n")
        if not imap:
            self.rfile.readline()
            self.wfile.write(b"+OK\r\n")
        number = SAID[user]
        SAID[user] += 1
        _, said = [visit for name, visit in visits() if name == user][number]
        for _, lines in said:
            tag = self.rfile.readline().decode().partition(" ")[0]
            answer = [*lines, f"{tag} OK done"] if imap else lines
            self.wfile.write("".join(f"{line}\r\n" for line in answer).encode())


class Server(socketserver.ThreadingTCPServer):
    """A listening port."""

    allow_reuse_address = daemon_threads = True


def visit(server: str, user: str, protocol: str, said: list[tuple[str, list[str]]]) -> None:
    """Say what is to be said, and hear every answer to its end."""
    with socket.create_connection((server, PORTS[protocol])) as connection:
        stream = connection.makefile("rwb")
        stream.readline()
        begin = [(f"LOGIN {user} x", [])] if protocol == "imap" else [(f"USER {user}", ["+OK"]), ("PASS x", ["+OK"])]
        for number, (command, lines) in enumerate([*begin, *said]):
            tag = f"a{number} " if protocol == "imap" else ""
            stream.write(f"{tag}{command}\r\n".encode())
            stream.flush()
            answer = "".join(f"{line}\r\n" for line in lines)
            for _ in range(answer.count("\n") + bool(tag)):
                stream.readline()


if sys.argv[1] == "serve":
    threading.Thread(target=Server(("", PORTS["pop3"]), Session).serve_forever, daemon=True).start()
    Server(("", PORTS["imap"]), Session).serve_forever()
else:
    for who, (by, dialogue) in visits():
        visit(sys.argv[2], who, by, dialogue)
