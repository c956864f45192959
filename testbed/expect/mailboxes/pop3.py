"""A POP3 session (RFC 1939): what it tells of the mailbox, and where the server contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from testbed.expect.mailboxes.folder import Folder, Look, Removal, Undone
from testbed.expect.mailboxes.given import Given
from testbed.expect.mailboxes.offence import COUNTS, NAMES, Offence
from testbed.expect.visits import Said, Visit
from testbed.plural import count
from testbed.protocols.imap import number
from testbed.trace.services.messages import Message
from testbed.trace.services.reading.results import Told, reading_result

NAMING = "POP3"
_END = b"\r\n"


@dataclass(slots=True)
class Pop3Session:
    """One visit: sizes, unique-ids and messages by their numbers, and what was marked for deletion."""

    visit: Visit
    count: int | None = None
    octets: int | None = None  # of all messages, as STAT tells
    listed: dict[int, int] | None = None  # by LIST, before anything was marked
    sizes: dict[int, int] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    all_ids: bool = False
    whole: dict[int, Message] = field(default_factory=dict)
    begun: dict[int, Said] = field(default_factory=dict)  # RETR that did not come to its end
    looked: set[int] = field(default_factory=set)  # TOP has shown the beginning of these
    marked: dict[int, Said] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)
    offences: list[Offence] = field(default_factory=list)
    looked_ns: int = 0
    look_frames: tuple[int, ...] = ()

    def follow(self, folder: Folder) -> None:
        """Go through the dialogue, and note in the folder what was seen and done."""
        quitting = None
        for said in self.visit.said:
            if said.verb == "QUIT":
                quitting = said
                break
            if any(offer.upper().startswith("EXPIRE") for offer in reading_result(said.exchange).offers):
                folder.doubts.append(self.visit.ended_ns)  # it says that it deletes by itself (RFC 2449 §6.7)
            if said.began_ns >= self.visit.opened_ns:
                self._take(said)
        self.offences += [*self._contradictions(), *self._same_name_twice()]
        self._note(folder, quitting)

    def name(self, at: int) -> str:
        """A message in a sentence."""
        return f"message {at} ({self.ids[at]})" if at in self.ids else f"message {at}"

    def _take(self, said: Said) -> None:
        asked = number(said.argument.partition(" ")[0]) or 0
        match said.verb:
            case "STAT" if said.ok and not self.marked:
                words = (*said.exchange.reply.lines, "") if said.exchange.reply is not None else ("",)
                count, _, octets = words[0].partition(" ")
                self.octets = number(octets.partition(" ")[0])
                self._see(said, number(count))
            case "LIST" if said.ok:
                told = {one.number: size for one in _told(said) if (size := number(one.words)) is not None}
                self.sizes |= told
                if not said.argument and not self.marked:
                    self.listed = told
                    self._see(said, len(told))
            case "UIDL" if said.ok:
                self.ids |= {one.number: one.words for one in _told(said)}
                if not said.argument and not self.marked:
                    self.all_ids = True
                    self._see(said, len(_told(said)))
            case "RETR" | "TOP":
                self._given(said, asked)
            case "DELE" if said.ok:
                self.marked[asked] = said
            case "RSET" if said.ok:
                self.marked.clear()

    def _see(self, said: Said, count: int | None) -> None:
        if self.count is not None and count is not None and count != self.count:
            why = f"{self.visit.server} told {self.visit.client} of {self.count} messages, then of {count}"
            self.offences.append(Offence(COUNTS, why, said.exchange.frames))
        if self.count is None:
            self.count, self.looked_ns, self.look_frames = count, said.ended_ns, said.exchange.frames[-1:]

    def _given(self, said: Said, at: int) -> None:
        for message in said.messages:
            if said.verb == "TOP" and reading_result(said.exchange).fetched == 0:
                self.looked.add(at)
                self._top(said, at, message)
            elif message.complete:
                self.whole[at] = message
                self.begun.pop(at, None)
                name = self.ids.get(at, "")
                self.given.append(Given(self.visit, said, message, NAMING if name else "", name, self.name(at)))
            else:
                self.begun.setdefault(at, said)

    def _top(self, said: Said, at: int, message: Message) -> None:
        asked = number(said.argument.rpartition(" ")[2])
        whole = self.whole.get(at)
        if asked is None or not message.complete:
            return
        text = message.octets.partition(_END + _END)[2]
        lines = text.count(_END)
        there = whole.octets.partition(_END + _END)[2].count(_END) if whole is not None else None
        if lines > asked or (there is not None and lines < min(asked, there)):
            why = f"{self.visit.server} sent {count(lines, 'line')} of {self.name(at)} for TOP {at} {asked}"
            self.offences.append(Offence(COUNTS, why, said.exchange.frames))
        elif whole is not None and not whole.octets.startswith(message.octets.rstrip(_END)):
            why = f"{self.visit.server} sent another {self.name(at)} for TOP than for RETR"
            self.offences.append(Offence(COUNTS, why, said.exchange.frames))

    def _contradictions(self) -> Iterator[Offence]:
        """What LIST and STAT say of sizes, and RETR gives: each line end counts two octets (RFC 1939 §11)."""
        server = self.visit.server
        for at, message in self.whole.items():
            size, octets = self.sizes.get(at), len(message.octets)
            ended = octets - len(_END) * message.octets.endswith(_END)  # the dot needs a line end before it
            if size is not None and size not in (octets, ended):
                why = f"{server} told {self.visit.client} that {self.name(at)} has {size} octets, but sent {octets}"
                yield Offence(COUNTS, why, message.frames)
        if self.listed is not None and self.octets is not None and sum(self.listed.values()) != self.octets:
            sizes = sum(self.listed.values())
            why = f"{server} told {self.visit.client} of {self.octets} octets in total, but {sizes} one by one"
            yield Offence(COUNTS, why, self.look_frames)

    def _same_name_twice(self) -> Iterator[Offence]:
        """Copies of one message may have one unique-id (RFC 1939 §7)."""
        first: dict[str, int] = {}
        for at, name in self.ids.items():
            other = first.setdefault(name, at)
            pair = self.whole.get(other), self.whole.get(at)
            if other != at and pair[0] is not None and pair[1] is not None and pair[0].octets != pair[1].octets:
                why = f"{self.visit.server} has the unique-id {name} for messages {other} and {at}"
                yield Offence(NAMES, why, (*pair[0].frames, *pair[1].frames))

    def _note(self, folder: Folder, quitting: Said | None) -> None:
        if self.count is not None:
            ids = frozenset(self.ids.values()) if self.all_ids else None
            opened = next(one.began_ns for one in self.visit.said if one.ended_ns >= self.visit.opened_ns)
            folder.looks.append(Look(opened, self.looked_ns, self.count, self.look_frames, NAMING, ids))
        if quitting is None:
            if self.marked:
                marked = [frame for said in self.marked.values() for frame in said.exchange.frames]
                folder.undone.append(Undone(self.visit.ended_ns, len(self.marked), tuple(marked)))
            return
        for at, said in self.marked.items():
            frames = (*said.exchange.frames, *quitting.exchange.frames)
            over = quitting.ended_ns if quitting.ok else self.visit.ended_ns
            folder.removals.append(
                Removal(quitting.began_ns, over, frames, NAMING, self.ids.get(at), certain=quitting.ok)
            )


def _told(said: Said) -> tuple[Told, ...]:
    return reading_result(said.exchange).told
