"""The history of one folder of one mailbox: what was seen in it, added to it and removed from it, by whomever.

Of everything the time of the command and that of its reply are known, and the deed lies between them.  So what is held
to have been there before a look was finished before it began, and what is held to be removed may have been at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from msgspec import Struct

from testbed.expect.mailboxes.offence import KEEPS, NAMES, REMOVES, Offence
from testbed.plural import count
from testbed.protocols import events
from testbed.trace.model.log import LogEntry


class Look(Struct, frozen=True):
    """How many messages somebody was told there are.

    ``ids`` are their names, where all were told; names of another ``naming`` (POP3, or a UIDVALIDITY) tell nothing of
    these.
    """

    began_ns: int
    ended_ns: int
    count: int
    frames: tuple[int, ...]
    naming: str = ""
    ids: frozenset[str] | None = None


class Removal(Struct, frozen=True):
    """A message that was removed, ``certain`` once the server has said so; ``id`` is None where its name is unknown."""

    began_ns: int
    ended_ns: int
    frames: tuple[int, ...]
    naming: str = ""
    id: str | None = None
    certain: bool = True


class Addition(Struct, frozen=True):
    """So many messages were added, as the server said; ``what`` says by what."""

    began_ns: int
    ended_ns: int
    count: int
    what: str
    frames: tuple[int, ...]


class Undone(Struct, frozen=True):
    """Somebody marked messages for deletion, and never came to say that they may go."""

    ended_ns: int
    count: int
    frames: tuple[int, ...]


@dataclass(slots=True)
class Folder:
    """What happened to it.  After each of ``doubts``, a time, messages may be gone that nobody saw go."""

    server: str
    user: str
    name: str = "INBOX"
    looks: list[Look] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)
    additions: list[Addition] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)  # when mail for it came
    doubts: list[int] = field(default_factory=list)
    undone: list[Undone] = field(default_factory=list)

    def offences(self) -> Iterator[Offence]:
        """What cannot be, if its server keeps what it is given and removes what it is told to."""
        looks = sorted(self.looks, key=lambda look: look.began_ns)
        nothing = Look(0, 0, 0, ())
        for before, after in pairwise((nothing, *looks)):
            if before.ended_ns <= after.began_ns and not self._doubtful(before, after):
                yield from self._too_few(before, after)
        namings = dict.fromkeys(look.naming for look in looks if look.ids is not None)
        renewed = sum(naming.startswith("UIDVALIDITY") for naming in namings) > 1  # POP3's unique-ids may hang on it
        for naming in namings:
            if renewed and not naming.startswith("UIDVALIDITY"):
                continue
            named = [look for look in looks if look.ids is not None and look.naming == naming]
            for before, after in pairwise(named):
                if before.ended_ns <= after.began_ns and not self._doubtful(before, after):
                    yield from self._missing(before, after)
                yield from self._still_there(before, after)

    def holds(self, entry: LogEntry[events.Stored] | LogEntry[events.HoldsMail]) -> bool:
        """Whether an entry is about mail in it, seen as a file."""
        return entry.host == self.server and entry.event.recipient.partition("@")[0].lower() == self.user

    @property
    def _what(self) -> str:
        return f"{self.user}'s mailbox" if self.name.upper() == "INBOX" else f"{self.user}'s folder {self.name}"

    def _doubtful(self, before: Look, after: Look) -> bool:
        return any(before.began_ns <= at <= after.ended_ns for at in self.doubts)

    def _removed(self, before: Look, after: Look) -> list[Removal]:
        return [one for one in self.removals if one.ended_ns >= before.began_ns and one.began_ns <= after.ended_ns]

    def _added(self, before: Look, after: Look) -> list[Addition]:
        return [one for one in self.additions if one.began_ns >= before.ended_ns and one.ended_ns <= after.began_ns]

    def _too_few(self, before: Look, after: Look) -> Iterator[Offence]:
        removed, added = self._removed(before, after), self._added(before, after)
        least = before.count + sum(one.count for one in added) - len(removed)
        if after.count >= least:
            return
        deeds = (*(one.frames for one in removed), *(one.frames for one in added))
        frames = (*before.frames, *(frame for one in deeds for frame in one), *after.frames)
        if added and after.count >= before.count - len(removed):
            said = " and ".join(dict.fromkeys(one.what for one in added))
            holds = f"{self._what} has {count(after.count, 'message')}"
            why = f"{self.server} answered OK to {said}, but {holds} instead of {least}"
        else:
            why = f"{self._gone(before, after, least - after.count)}: {self._what} has {after.count}, but had {least}"
        yield Offence(KEEPS, why, frames)

    def _gone(self, before: Look, after: Look, number: int) -> str:
        undone = [one for one in self.undone if before.began_ns <= one.ended_ns <= after.began_ns]
        what = "a message" if number == 1 else f"{number} messages"
        if undone:
            return f"{self.server} deleted {what} marked for deletion, although its reader never reached QUIT"
        return f"{self.server} lost {what} that nobody has deleted"

    def _missing(self, before: Look, after: Look) -> Iterator[Offence]:
        assert before.ids is not None
        assert after.ids is not None
        removed = self._removed(before, after)
        known = {one.id for one in removed if one.naming == before.naming and one.id is not None}
        missing = before.ids - after.ids - known
        unnamed = sum(one.id is None or one.naming != before.naming for one in removed)
        if len(missing) <= unnamed:
            return
        frames = (*before.frames, *(frame for one in removed for frame in one.frames), *after.frames)
        new = len(after.ids - before.ids)
        added = sum(one.count for one in self.additions if one.ended_ns >= before.began_ns)
        arrived = sum(before.began_ns <= at <= after.ended_ns for at in self.arrivals) + added
        names = ", ".join(sorted(missing)[:5])
        if new > arrived and len(after.ids) >= len(before.ids) - len(removed):
            yield Offence(NAMES, f"{self.server} gave messages in {self._what} other names than {names}", frames)
        else:
            yield Offence(KEEPS, f"{self._gone(before, after, len(missing))}: {names} in {self._what}", frames)

    def _still_there(self, before: Look, after: Look) -> Iterator[Offence]:
        assert before.ids is not None
        assert after.ids is not None
        for one in self.removals:
            gone = one.certain and one.naming == after.naming and before.began_ns <= one.began_ns
            if gone and one.ended_ns <= after.began_ns and one.id in before.ids & after.ids:
                why = f"{self.server} answered OK to the deletion of {one.id}, but {self._what} still has it"
                yield Offence(REMOVES, why, (*one.frames, *after.frames))
