"""A selected IMAP folder (RFC 9051 §3.3) as its client knows it: by places, which EXPUNGE moves, and by UIDs."""

from __future__ import annotations

from dataclasses import dataclass, field

from testbed.expect.mailboxes.folder import Folder
from testbed.expect.visits import Said
from testbed.protocols.imap import sequence_set
from testbed.trace.services.messages import Message
from testbed.trace.services.reading.results import Told

DELETED, SEEN = "\\deleted", "\\seen"
SYSTEM_FLAGS = frozenset((SEEN, "\\answered", "\\flagged", DELETED, "\\draft"))


@dataclass(slots=True, eq=False)
class Mail:
    """A message of a selected folder.  ``flags`` are None until they were told; ``stored`` are those put there here."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    stored: frozenset[str] = frozenset()
    size: int | None = None
    seen: list[Told] = field(default_factory=list)  # what was given of it
    whole: Message | None = None
    marked: bool = False  # its reader asked for \Deleted
    called: str = ""  # in a sentence, by its place when it was marked
    copied: bool = False  # and for a copy in another folder


@dataclass(slots=True)
class Selected:
    """A folder, from SELECT to whatever closes it."""

    folder: Folder
    began_ns: int
    frames: tuple[int, ...]
    mails: list[Mail] = field(default_factory=list)
    uid_validity: str = ""
    read_only: bool = False
    lasting: frozenset[str] = SYSTEM_FLAGS  # the flags that stay as they are stored (RFC 9051 §7.1, PERMANENTFLAGS)

    @property
    def naming(self) -> str:
        """Under what its UIDs are told."""
        return f"UIDVALIDITY {self.uid_validity}"

    def named(self, said: Said, which: str) -> list[Mail] | None:
        """The messages a sequence set is about, None where that cannot be told."""
        if said.exchange.command is not None and said.exchange.command.verb.startswith("UID "):
            largest = max((mail.uid or 0 for mail in self.mails), default=0)
            uids = sequence_set(which, largest)
            if uids is None or any(mail.uid is None for mail in self.mails):
                return None
            return [mail for mail in self.mails if mail.uid in uids]
        places = sequence_set(which, len(self.mails))
        return None if places is None else [mail for at, mail in enumerate(self.mails, 1) if at in places]

    def marked(self, mail: Mail) -> bool:
        """Whether a message is flagged for deletion, as far as its client knows."""
        return mail.marked or DELETED in (mail.flags or ())

    def name(self, mail: Mail) -> str:
        """A message in a sentence."""
        return f"UID {mail.uid}" if mail.uid is not None else f"message {self.mails.index(mail) + 1}"
