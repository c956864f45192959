"""How mailhost.py serves its mailboxes by IMAP, and what it may do wrong."""

from __future__ import annotations

import re

from mailhost_boxes import CHANGES, LIE, ROOT, Box
from mailhost_session import Session


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
