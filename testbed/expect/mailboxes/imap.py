"""An IMAP session (RFC 3501, RFC 9051): the messages of a selected folder as its client knows them.

They are known by their places in the folder, which EXPUNGE moves, and by their UIDs once these were told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from testbed.expect.mailboxes.folder import Addition, Folder, Look, Removal
from testbed.expect.mailboxes.given import Given
from testbed.expect.mailboxes.names import first_name, last_name, status_of
from testbed.expect.mailboxes.offence import COUNTS, FLAGS, KEEPS, NAMES, REMOVES, Offence
from testbed.expect.mailboxes.selected import DELETED, SYSTEM_FLAGS, Mail, Selected
from testbed.expect.visits import Said, Visit
from testbed.protocols.imap import sequence_set
from testbed.trace.services.messages import Message
from testbed.trace.services.reading.results import Told, reading_result

_CODE = re.compile(r"\[([A-Z-]+) ([^\]]*)\]", re.I)
_STORE = re.compile(r"(\S+) ([+-]?)FLAGS(?:\.SILENT)? \(?([^)]*)\)?", re.I)
_IN_DOUBT = frozenset(("CLOSE", "EXPUNGE", "MOVE"))  # what may have been done where no answer came


@dataclass(slots=True)
class ImapSession:
    """One visit.  ``alone`` tells whether nobody else changed this mailbox meanwhile."""

    visit: Visit
    folder_of: Callable[[str], Folder]
    alone: bool
    now: Selected | None = None
    given: list[Given] = field(default_factory=list)
    appended: list[Message] = field(default_factory=list)
    offences: list[Offence] = field(default_factory=list)
    deleted: list[tuple[Selected, Mail, str, Said]] = field(default_factory=list)  # by this reader, with its name
    reshaped: list[tuple[str, int]] = field(default_factory=list)  # folders that were deleted or renamed, and when
    looked: set[tuple[str, str]] = field(default_factory=set)  # naming and name of what was shown, whole or not

    def follow(self) -> None:
        """Go through the dialogue, and note in the folders what was seen and done."""
        for said in self.visit.said:
            if said.exchange.command is None or said.began_ns < self.visit.opened_ns:
                continue
            if said.exchange.reply is None:
                self._unanswered(said)
                continue
            opens = said.verb in ("SELECT", "EXAMINE")
            if opens:
                self.now = None
                if said.ok and (name := first_name(said.argument)):
                    self.now = Selected(self.folder_of(name), said.began_ns, said.exchange.frames)
                    self.now.read_only = said.verb == "EXAMINE"
            self._mark(said)
            meant = self._meant(said)
            self._told(said, opening=opens)
            if said.ok:
                self._done(said, meant)
            if opens and self.now is not None:
                folder, count = self.now.folder, len(self.now.mails)
                folder.looks.append(Look(said.began_ns, said.ended_ns, count, said.exchange.frames[-1:]))

    # -- what the server tells -------------------------------------------------------------------------

    def _told(self, said: Said, *, opening: bool) -> None:
        bodies = iter(said.messages if said.verb != "APPEND" else ())
        touched: list[Mail] = []
        for told in reading_result(said.exchange).told:
            match told.kind:
                case "EXISTS":
                    self._exists(said, told.number, opening=opening)
                case "EXPUNGE":
                    self._expunged(said, told.number)
                case "FETCH":
                    mail = self._fetched(said, told, bodies)
                    touched += [mail] if mail is not None else []
                case "VANISHED":
                    self._vanished(said, told.words)
                case "STATUS":
                    self._status(said, told.words)
                case "OK":
                    self._coded(said, told.words)
        found = reading_result(said.exchange).found
        if found is not None and said.exchange.command is not None and said.exchange.command.verb == "UID SEARCH":
            self._all_found(said, found)
        if any(mail.uid is not None for mail in touched):
            self._ascending(said)

    def _exists(self, said: Said, count: int, *, opening: bool) -> None:
        now = self.now
        if now is None:
            return
        if count < len(now.mails) and not opening:
            why = f"{self.visit.server} announced {count} to {self.visit.client} after {len(now.mails)} messages,"
            self.offences.append(Offence(COUNTS, f"{why} without EXPUNGE (RFC 9051 §7.4.1)", said.exchange.frames))
        del now.mails[count:]
        now.mails += [Mail() for _ in range(count - len(now.mails))]

    def _expunged(self, said: Said, at: int) -> None:
        now = self.now
        if now is None:
            return
        frames = said.exchange.frames
        if not 1 <= at <= len(now.mails):
            why = f"{self.visit.server} told {self.visit.client} that message {at} of {len(now.mails)} is expunged"
            self.offences.append(Offence(COUNTS, why, frames))
            return
        mail = now.mails[at - 1]
        name = now.name(mail)
        self._remove(said, now.mails.pop(at - 1), name)

    def _remove(self, said: Said, mail: Mail, name: str) -> None:
        now = self.now
        assert now is not None
        moved, asked = said.verb == "MOVE", said.verb in ("EXPUNGE", "CLOSE")  # else it tells of somebody else's deed
        if self.alone and asked and mail.flags is not None and not now.marked(mail):
            why = f"{self.visit.server} expunged {name} of {now.folder.user}, which nobody had flagged \\Deleted"
            self.offences.append(Offence(KEEPS, why, said.exchange.frames))
        else:
            known = None if mail.uid is None else f"UID {mail.uid}"
            removal = Removal(said.began_ns, said.ended_ns, said.exchange.frames, now.naming, known)
            now.folder.removals.append(removal)
        if mail.marked and not moved and not mail.copied:
            self.deleted.append((now, mail, mail.called or name, said))

    def _vanished(self, said: Said, words: str) -> None:
        uids = sequence_set(words.rpartition(" ")[2], 0) or frozenset()
        gone = [mail for mail in self.now.mails if mail.uid in uids] if self.now is not None else []
        if self.now is not None and "EARLIER" not in words.upper():
            for mail in gone:
                self._remove(said, mail, self.now.name(mail))
            self.now.mails = [mail for mail in self.now.mails if mail not in gone]
            if len(gone) < len(uids):
                self.now.folder.doubts.append(said.ended_ns)
                self.now = None

    def _fetched(self, said: Said, told: Told, bodies: Iterator[Message]) -> Mail | None:
        now = self.now
        whole = [(part, next(bodies, None)) for part in told.parts if part.section == ""]
        if now is None or not 1 <= told.number <= len(now.mails):
            return None
        mail = now.mails[told.number - 1]
        self._named(said, mail, told)
        if told.parts or told.envelope:
            mail.seen.append(told)
            self.looked.add((f"{now.folder.name} {now.naming}", f"UID {mail.uid}"))
        mail.size = told.size if told.size is not None else mail.size
        if told.flags is not None:
            lost = (mail.stored - told.flags) & now.lasting if self.alone else frozenset()
            for flag in sorted(lost):
                why = f"{self.visit.server} answered OK to STORE {flag} of {now.name(mail)}, which does not have it"
                self.offences.append(Offence(FLAGS, why, said.exchange.frames))
            mail.flags, mail.stored = told.flags, mail.stored - lost
        for part, message in whole:
            if message is not None:
                self._given(said, now, mail, part.offset, message)
        return mail

    def _given(self, said: Said, now: Selected, mail: Mail, offset: int | None, message: Message) -> None:
        server, octets = self.visit.server, message.octets
        if message.complete:
            name = f"UID {mail.uid}" if mail.uid is not None and now.uid_validity else ""
            mail.whole = message
            self.given.append(Given(self.visit, said, message, f"{now.folder.name} {now.naming}", name, now.name(mail)))
            if mail.size is not None and mail.size != len(octets):
                why = f"{server} told {self.visit.client} that {now.name(mail)} has {mail.size} octets, but sent"
                self.offences.append(Offence(COUNTS, f"{why} {len(octets)}", said.exchange.frames))
        elif offset is not None and mail.whole is not None and not message.missing:
            same = mail.whole.octets[offset : offset + len(octets)] == octets
            why = f"{server} sent {now.name(mail)} in pieces with other octets than before"
            self.offences += [] if same else [Offence(COUNTS, why, said.exchange.frames)]

    def _named(self, said: Said, mail: Mail, told: Told) -> None:
        now = self.now
        assert now is not None
        if told.uid is None or told.uid == mail.uid:
            return
        if mail.uid is not None:
            why = f"{self.visit.server} changed the UID of message {told.number} from {mail.uid} to {told.uid}"
            self.offences.append(Offence(NAMES, why, said.exchange.frames))
        mail.uid = told.uid

    def _ascending(self, said: Said) -> None:
        """UIDs rise with the places of messages (RFC 9051 §2.3.1.1); all of them known is a look at the folder."""
        now = self.now
        assert now is not None
        uids = [mail.uid for mail in now.mails if mail.uid is not None]
        if uids != sorted(set(uids)):
            told = ", ".join(map(str, uids[:10]))
            why = f"{self.visit.server} has UIDs that do not ascend in {now.folder.name} of {now.folder.user}: {told}"
            self.offences.append(Offence(NAMES, why, said.exchange.frames))
        elif len(uids) == len(now.mails):
            self._looked(said, frozenset(uids))

    def _all_found(self, said: Said, found: frozenset[int]) -> None:
        now = self.now
        if now is not None and said.argument.upper().strip() == "ALL" and len(found) == len(now.mails):
            for mail, uid in zip(now.mails, sorted(found), strict=True):
                mail.uid = uid
            self._looked(said, found)

    def _looked(self, said: Said, uids: frozenset[int]) -> None:
        now = self.now
        if now is not None and now.uid_validity:
            names = frozenset(f"UID {uid}" for uid in uids)
            frames = said.exchange.frames[-1:]
            now.folder.looks.append(Look(now.began_ns, said.ended_ns, len(uids), frames, now.naming, names))

    def _status(self, said: Said, words: str) -> None:
        name, number = status_of(words) or ("", 0)
        if name and (self.now is None or self.now.folder.name != name):
            look = Look(said.began_ns, said.ended_ns, number, said.exchange.frames[-1:])
            self.folder_of(name).looks.append(look)

    def _coded(self, said: Said, words: str) -> None:
        found = _CODE.match(words)
        if found is not None and self.now is not None and found[1].upper() == "UIDVALIDITY":
            self.now.uid_validity = found[2]
        elif found is not None and self.now is not None and found[1].upper() == "PERMANENTFLAGS":
            self.now.lasting = frozenset(found[2].strip("()").lower().split()) & SYSTEM_FLAGS

    # -- what the client does ---------------------------------------------------------------------------

    def _mark(self, said: Said) -> None:
        """What STORE asks for, answered OK or not."""
        if said.verb != "STORE" or self.now is None:
            return
        found = _STORE.match(said.argument)
        if found is None:
            for mail in self.now.mails:
                mail.marked, mail.stored = True, frozenset()
            return
        mails = self.now.named(said, found[1])
        flags = frozenset(found[3].lower().split())
        for mail in self.now.mails if mails is None else mails:
            mail.marked |= found[2] != "-" and DELETED in flags
            mail.called = mail.called or self.now.name(mail)
            taken_away = flags if found[2] == "-" else mail.stored - flags if found[2] == "" else frozenset()
            mail.stored -= taken_away

    def _meant(self, said: Said) -> list[Mail] | None:
        """The messages that COPY or MOVE is about, before any of them is told to be gone; None where nobody knows."""
        if self.now is None or said.verb not in ("COPY", "MOVE"):
            return []
        return self.now.named(said, said.argument.partition(" ")[0])

    def _done(self, said: Said, meant: list[Mail] | None) -> None:
        now = self.now
        match said.verb:
            case "STORE":
                self._stored(said)
            case "APPEND":
                self._added(said, first_name(said.argument), max(1, len(said.messages)))
                self.appended += [message for message in said.messages if message.complete]
            case "COPY" | "MOVE" if now is not None:
                which, _, target = said.argument.partition(" ")
                for mail in now.mails if meant is None else meant:
                    mail.copied = True
                self._added(said, last_name(target), len(meant or ()), which)
                if said.verb == "MOVE":
                    self._moved(said, now, meant or ())
            case "EXPUNGE" if now is not None and not now.read_only:
                self._kept(said)
            case "CLOSE" if now is not None:
                for mail in now.mails if not now.read_only else ():
                    if now.marked(mail):
                        self._remove(said, mail, now.name(mail))
                self.now = None
            case "UNSELECT":
                self.now = None
            case "DELETE" | "RENAME":
                names = (first_name(said.argument), last_name(said.argument))
                self.reshaped += [(name, said.ended_ns) for name in dict.fromkeys(names) if name]

    def _moved(self, said: Said, now: Selected, meant: Sequence[Mail]) -> None:
        """Messages that MOVE has left are to be gone, too (RFC 6851 §3.3), when anybody looks next."""
        for mail in meant:
            if any(other is mail for other in now.mails) and mail.uid is not None:
                name = f"UID {mail.uid}"
                frames = said.exchange.frames
                now.folder.removals.append(Removal(said.began_ns, said.ended_ns, frames, now.naming, name))

    def _stored(self, said: Said) -> None:
        found = _STORE.match(said.argument)
        mails = self.now.named(said, found[1]) if found is not None and self.now is not None else None
        for mail in mails or ():
            flags = frozenset(found[3].lower().split()) & SYSTEM_FLAGS if found is not None else frozenset()
            mail.stored = mail.stored | flags if found is not None and found[2] != "-" else mail.stored

    def _added(self, said: Said, name: str, count: int, which: str = "") -> None:
        if not name or not count or not self.alone:
            return
        what = f"{said.verb} {which}".strip()
        self.folder_of(name).additions.append(Addition(said.began_ns, said.ended_ns, count, what, said.exchange.frames))

    def _kept(self, said: Said) -> None:
        """Messages that this reader has flagged, and EXPUNGE has left."""
        now = self.now
        assert now is not None
        by_uid = said.exchange.command is not None and said.exchange.command.verb.startswith("UID ")
        asked = now.named(said, said.argument.partition(" ")[0]) if by_uid else now.mails
        for mail in asked or ():
            if DELETED in mail.stored & now.lasting and self.alone:
                why = f"{self.visit.server} answered OK to {said.verb} and kept {now.name(mail)}, flagged \\Deleted"
                self.offences.append(Offence(REMOVES, why, said.exchange.frames))

    def _unanswered(self, said: Said) -> None:
        if self.now is not None and said.verb in _IN_DOUBT:
            self.now.folder.doubts.append(self.visit.ended_ns)
