"""How mailhost.py serves its mailboxes by POP3, and what it may do wrong."""

from __future__ import annotations

from mailhost_boxes import CHANGES, LIE, Box
from mailhost_session import Session


class Pop3(Session):
    """RFC 1939."""

    greeting = "+OK someschool.edu"
    visits = 0

    def begin(self) -> None:
        """Nobody has logged in."""
        self.user, self.marked, self.retrieved = "", list[int](), list[int]()

    def command(self, line: str) -> bool:
        """One of them."""
        verb, _, argument = line.partition(" ")
        words = argument.split()
        match verb.upper():
            case "USER":
                self.user = argument
                self.say("+OK")
            case "PASS":
                if LIE == "lets-nobody-in":
                    self.say("-ERR [AUTH] No")
                    return True
                Pop3.visits += 1
                self.box = Box("carol" if LIE == "opens-another-mailbox" else self.user)
                self.uids = self.box.uids()
                if LIE == "loses-one-between-visits" and Pop3.visits == 2:
                    self.box.remove(self.uids.pop(0))
                self.say("+OK")
            case "STAT":
                total = sum(map(self.size, self.left())) + (LIE == "tells-another-sum")
                self.say(f"+OK {len(self.left())} {total}")
            case "LIST":
                self.listing([f"{self.uids.index(uid) + 1} {self.size(uid)}" for uid in self.left()])
            case "UIDL":
                self.listing([f"{self.uids.index(uid) + 1} {self.name(uid)}" for uid in self.left()])
            case "RETR":
                uid = self.uids[int(words[0]) - 1]
                self.retrieved.append(uid)
                self.message(CHANGES.get(LIE, lambda octets: octets)(self.box.octets(uid)))
            case "TOP":
                head, _, text = self.box.octets(self.uids[int(words[0]) - 1]).partition(b"\r\n\r\n")
                most = int(words[1]) + {"gives-a-line-more-to-top": 1, "gives-a-line-less-to-top": -1}.get(LIE, 0)
                self.message(head + b"\r\n\r\n" + b"".join(text.splitlines(keepends=True)[:most]))
            case "DELE":
                self.marked.append(self.uids[int(words[0]) - 1])
                self.say("+OK")
                if LIE == "deletes-before-quit":
                    self.box.remove(self.marked[-1])
            case "RSET":
                self.marked = []
                self.say("+OK")
            case "QUIT":
                self.update()
                self.say("+OK Bye")
                return False
            case _:
                self.say("+OK" if verb.upper() == "NOOP" else "-ERR What?")
        return True

    def left(self) -> list[int]:
        """What is not marked."""
        return [uid for uid in self.uids if uid not in self.marked]

    def size(self, uid: int) -> int:
        """As LIST tells."""
        octets = self.box.octets(uid)
        return octets.count(b"\n") * -1 + len(octets) if LIE == "counts-line-ends-as-one" else len(octets)

    def name(self, uid: int) -> str:
        """As UIDL tells."""
        if LIE == "renames-at-every-visit":
            return f"{Pop3.visits}.{uid}"
        return str(self.uids.index(uid) + 1) if LIE == "names-by-number" else f"uid-{uid}"

    def listing(self, lines: list[str]) -> None:
        """A reply of many lines."""
        self.say("\r\n".join(["+OK", *lines, "."]))

    def message(self, octets: bytes) -> None:
        """A message, dots stuffed."""
        lines = octets.splitlines(keepends=True)
        stuff = {"stuffs-no-dots": b"", "stuffs-dots-twice": b".."}.get(LIE, b".")
        self.wfile.write(b"+OK\r\n" + b"".join(stuff * (line[:1] == b".") + line for line in lines) + b".\r\n")

    def update(self) -> None:
        """QUIT."""
        gone = {
            "keeps-what-was-deleted": [],
            "deletes-what-was-fetched": [*self.retrieved],
            "deletes-the-first-instead": self.uids[: len(self.marked)],
            "deletes-one-more": [*self.marked, *self.left()[:1]] if self.marked else [],
        }.get(LIE, [] if LIE == "deletes-before-quit" else self.marked)
        for uid in dict.fromkeys(gone):
            self.box.remove(uid)
