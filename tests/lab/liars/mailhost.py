"""A host that takes mail on 25 and serves it by POP3 and IMAP, and keeps its promises, or breaks one: mailhost.py LIE.

Mailboxes are Maildirs in DELIVER_INTO, a file a message, named by its UID and its flags.
"""

from __future__ import annotations

import os
import re
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

LIE, ROOT = sys.argv[1], Path(os.environ["DELIVER_INTO"])
LOCK = threading.Lock()
LETTERS = {"\\Seen": "S", "\\Deleted": "T", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D"}
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "gives-other-octets": lambda octets: octets.replace(b"noon", b"n00n"),
    "leaves-the-last-line-out": lambda octets: octets[: octets.rindex(b"\r\n", 0, -2) + 2],
    "gives-no-subject": lambda octets: re.sub(rb"(?mi)^Subject:.*\r\n", b"", octets),
}


class Box:
    """One folder: INBOX of a user, or a folder below it."""

    def __init__(self, user: str, folder: str = "INBOX") -> None:
        self.path = ROOT / user if folder.upper() == "INBOX" else ROOT / user / f".{folder}"
        for part in ("tmp", "new", "cur"):
            (self.path / part).mkdir(parents=True, exist_ok=True)

    def uids(self) -> list[int]:
        """The messages there are."""
        return sorted(int(file.name.partition(":")[0]) for file in (self.path / "new").iterdir())

    def file(self, uid: int) -> Path:
        """Where one lies."""
        return next(file for file in (self.path / "new").iterdir() if file.name.partition(":")[0] == str(uid))

    def octets(self, uid: int) -> bytes:
        """One of them."""
        return self.file(uid).read_bytes().replace(b"\n", b"\r\n")

    def flags(self, uid: int) -> list[str]:
        """Its flags."""
        letters = self.file(uid).name.partition(":2,")[2]
        return [flag for flag, letter in LETTERS.items() if letter in letters]

    def flag(self, uid: int, flags: list[str]) -> None:
        """Put flags in place of its flags."""
        self.file(uid).rename(self.path / "new" / f"{uid}:2,{''.join(LETTERS[flag] for flag in flags)}")

    def add(self, octets: bytes) -> None:
        """Put one in, under the next UID."""
        with LOCK:
            counter = self.path / "tmp" / "next"
            uid = int(counter.read_text()) if counter.exists() else 1
            if LIE == "uses-uids-again":
                uid = max(self.uids(), default=0) + 1
            counter.write_text(str(uid + 1))
            (self.path / "tmp" / "message").write_bytes(octets.replace(b"\r\n", b"\n"))
            (self.path / "tmp" / "message").rename(self.path / "new" / f"{uid}:2,")

    def remove(self, uid: int) -> None:
        """Delete one."""
        self.file(uid).unlink()


class Session(socketserver.StreamRequestHandler):
    """One client's dialogue."""

    greeting = ""

    def handle(self) -> None:
        """Take commands until the client goes."""
        self.say(self.greeting)
        self.begin()
        for line in self.lines():
            if not self.command(line.decode("latin-1").rstrip("\r\n")):
                return

    def begin(self) -> None:
        """Forget everybody else."""

    def command(self, line: str) -> bool:
        """Do what is asked for; False when it was the last."""
        raise NotImplementedError

    def lines(self) -> Iterator[bytes]:
        """What the client says."""
        while line := self.rfile.readline():
            yield line

    def say(self, reply: str) -> None:
        """Answer."""
        self.wfile.write(reply.encode() + b"\r\n")


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


class Imap(Session):
    """RFC 3501, as far as the tests need it."""

    greeting = "* OK someschool.edu"
    visits = 0

    def begin(self) -> None:
        """Nothing is selected."""
        self.user, self.box, self.uids = "", None, list[int]()

    def command(self, line: str) -> bool:
        """One of them."""
        tag, _, rest = line.partition(" ")
        verb, _, argument = rest.partition(" ")
        by_uid = verb.upper() == "UID"
        if by_uid:
            verb, _, argument = argument.partition(" ")
        which, _, more = argument.partition(" ")
        done = getattr(self, f"do_{verb.lower()}", None)
        chosen = self.chosen(which, by_uid=by_uid) if verb.upper() in ("FETCH", "STORE", "COPY", "MOVE") else []
        if done is None:
            self.say(f"{tag} BAD What?")
        elif LIE == "lets-nobody-in" and verb.upper() == "LOGIN":
            self.say(f"{tag} NO [AUTHENTICATIONFAILED] Not you")
        else:
            done(chosen, more if chosen or verb.upper() in ("FETCH", "STORE", "COPY", "MOVE") else argument)
            self.say(f"{tag} OK {verb} done")
        return verb.upper() != "LOGOUT"

    def chosen(self, which: str, *, by_uid: bool) -> list[int]:
        """The UIDs a set is about."""
        found = []
        for part in which.split(","):
            low, _, high = part.partition(":")
            names = self.uids if by_uid else list(range(1, len(self.uids) + 1))
            last = names[-1] if high == "*" and names else int(high or low)
            found += [uid for name, uid in zip(names, self.uids, strict=True) if int(low) <= name <= last]
        return found

    def do_login(self, chosen: list[int], argument: str) -> None:
        """Anybody may."""
        self.user = argument.split()[0].strip('"')
        Imap.visits += 1

    def do_capability(self, chosen: list[int], argument: str) -> None:
        """As little as there is."""
        self.say("* CAPABILITY IMAP4rev1 MOVE")

    def do_select(self, chosen: list[int], argument: str) -> None:
        """Open a folder."""
        self.box = Box(self.user, argument.strip('"'))
        self.uids = self.box.uids()
        if LIE == "loses-one-between-visits" and Imap.visits == 2:
            self.box.remove(self.uids.pop(0))
        self.say(f"* {len(self.uids)} EXISTS")
        self.say("* OK [UIDVALIDITY 1] as ever")

    def do_examine(self, chosen: list[int], argument: str) -> None:
        """Open a folder to look at."""
        self.do_select(chosen, argument)

    def do_list(self, chosen: list[int], argument: str) -> None:
        """Name the folders."""
        for path in (ROOT / self.user).glob(".*"):
            self.say(f'* LIST () "/" "{path.name[1:]}"')
        self.say('* LIST () "/" INBOX')

    def do_noop(self, chosen: list[int], argument: str) -> None:
        """What is new."""
        if self.box is not None:
            self.uids += [uid for uid in self.box.uids() if uid not in self.uids]
            if LIE == "shrinks-without-expunge":
                self.box.remove(self.uids.pop())
            self.say(f"* {len(self.uids)} EXISTS")

    def do_fetch(self, chosen: list[int], argument: str) -> None:
        """Give what is asked for."""
        for uid in chosen:
            octets = CHANGES.get(LIE, lambda octets: octets)(self.box.octets(uid))
            told = -uid + 100 if LIE == "has-uids-that-fall" else uid
            size = len(self.box.octets(uid)) + (LIE == "tells-another-size")
            parts = [f"UID {told}", f"RFC822.SIZE {size}"]
            if "FLAGS" in argument:
                parts.append(f"FLAGS ({' '.join(self.box.flags(uid))})")
            asked = re.search(r"BODY(?:\.PEEK)?\[(\w*)\](?:<(\d+)\.(\d+)>)?", argument)
            line = f"* {self.uids.index(uid) + 1} FETCH ({' '.join(parts)}".encode()
            if asked is not None:
                head, _, text = octets.partition(b"\r\n\r\n")
                given = {"HEADER": head + b"\r\n\r\n", "TEXT": text}.get(asked[1], octets)
                where = ""
                if asked[2]:
                    given, where = given[int(asked[2]) :][: int(asked[3])], f"<{asked[2]}>"
                line += f" BODY[{asked[1]}]{where} {{{len(given)}}}\r\n".encode() + given
            self.wfile.write(line + b")\r\n")

    def do_store(self, chosen: list[int], argument: str) -> None:
        """Change flags."""
        for uid in chosen:
            flags = re.findall(r"\\\w+", argument)
            before = self.box.flags(uid)
            after = [*dict.fromkeys((*before, *flags))] if argument[0] == "+" else [f for f in before if f not in flags]
            if LIE != "forgets-flags":
                self.box.flag(uid, after)

    def do_expunge(self, chosen: list[int], argument: str) -> None:
        """Delete what is flagged."""
        flagged = [uid for uid in self.uids if "\\Deleted" in self.box.flags(uid)]
        if LIE == "expunges-one-more":
            flagged += [uid for uid in self.uids if uid not in flagged][:1]
        if LIE == "expunges-nothing":
            flagged = []
        if LIE == "expunges-in-silence":
            other = next(uid for uid in self.uids if uid not in flagged)
            self.box.remove(other)
        if LIE == "expunges-with-old-numbers":
            for uid in flagged:
                self.say(f"* {self.uids.index(uid) + 1} EXPUNGE")
                self.box.remove(uid)
            return
        self.gone(flagged)

    def gone(self, uids: list[int]) -> None:
        """Remove messages, and say so."""
        for uid in list(uids):
            self.say(f"* {self.uids.index(uid) + 1} EXPUNGE")
            self.uids.remove(uid)
            self.box.remove(uid)

    def do_copy(self, chosen: list[int], argument: str) -> None:
        """Put copies into another folder."""
        for uid in chosen:
            if LIE not in ("copies-nothing", "moves-into-nothing"):
                Box(self.user, argument.strip('"')).add(self.box.octets(uid))

    def do_move(self, chosen: list[int], argument: str) -> None:
        """And remove them here (RFC 6851)."""
        self.do_copy(chosen, argument)
        if LIE != "moves-and-keeps":
            self.gone(chosen)

    def do_append(self, chosen: list[int], argument: str) -> None:
        """Take a message."""
        octets = int(argument.partition("{")[2].rstrip("+}"))
        self.say("+ Go on")
        message = self.rfile.read(octets)
        self.rfile.readline()
        if LIE != "appends-nothing":
            Box(self.user, argument.split()[0].strip('"')).add(message)

    def do_search(self, chosen: list[int], argument: str) -> None:
        """All there are."""
        self.say(f"* SEARCH {' '.join(map(str, self.uids))}")

    def do_logout(self, chosen: list[int], argument: str) -> None:
        """Go."""
        self.say("* BYE")


class Server(socketserver.ThreadingTCPServer):
    """A listening port."""

    allow_reuse_address = daemon_threads = True


for port, session in ((110, Pop3), (143, Imap)):
    threading.Thread(target=Server(("", port), session).serve_forever, daemon=True).start()
Server(("", 25), Smtp).serve_forever()
