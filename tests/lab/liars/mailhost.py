"""A host that takes mail on 25 and serves it by POP3 and IMAP, and keeps its promises or breaks one: mailhost.py LIE"""

from __future__ import annotations

import socketserver
import threading

from mailhost_boxes import LIE, Box
from mailhost_imap import Imap
from mailhost_pop3 import Pop3
from mailhost_session import Session


class Smtp(Session):
    """RFC 5321."""

    greeting = "220 someschool.edu"
    taken = 0

    def begin(self) -> None:
        """No recipients yet."""
        self.users: list[str] = []

    def command(self, line: str) -> bool:
        """Take mail for anybody."""
        verb = line[:4].upper()
        if verb == "MAIL":
            self.users = []
        if verb == "RCPT":
            self.users.append(line.partition("<")[2].partition("@")[0])
        if verb == "DATA":
            self.say("354 Go on")
            octets = b"".join(one[one[:1] == b"." :] for one in iter(self.rfile.readline, b".\r\n"))
            Smtp.taken += 1
            if LIE == "stores-other-octets":
                octets = octets.replace(b"noon", b"n00n")
            if LIE == "stores-soon":
                threading.Timer(1.5, self.store, [octets, list(self.users)]).start()
            elif LIE != "forgets-the-second" or Smtp.taken != 2:
                self.store(octets, self.users)
        self.say("221 Bye" if verb == "QUIT" else "250 Fine")
        return verb != "QUIT"

    def store(self, octets: bytes, users: list[str]) -> None:
        """Deliver."""
        for user in ["carol"] if LIE == "delivers-to-carol" else users * (1 + (LIE == "delivers-twice")):
            Box(user).add(octets)


class Server(socketserver.ThreadingTCPServer):
    """A listening port."""

    allow_reuse_address = daemon_threads = True


for port, session in ((110, Pop3), (143, Imap)):
    threading.Thread(target=Server(("", port), session).serve_forever, daemon=True).start()
Server(("", 25), Smtp).serve_forever()
