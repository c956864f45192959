"""What a picture of the way of the mail is made of: lanes, and what happened on and between them, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct


class Mood(StrEnum):
    """How something went, for the mail."""

    OK = "ok"
    TEMPORARY = "temporary"  # refused for now, or waiting
    REPEATED = "repeated"  # somebody has it more than once
    FAILED = "failed"
    LOST = "lost"  # nothing came through, or nobody knows whether it did
    UNKNOWN = "unknown"  # to whoever has but the capture
    QUIET = "quiet"  # no mail was concerned


MOST_ENDS = 20
"""Fates that are told one by one."""


class Role(StrEnum):
    """What a host does with mail, as far as the capture shows."""

    USER_AGENT = "user agent"
    SENDER = "sender"
    RELAY = "relay"
    SERVER = "mail server"
    MAILBOXES = "mailboxes"
    READER = "reader"
    WEB_MAIL = "web mail"
    BROWSER = "browser"
    NAME_SERVER = "name server"
    POLICY_HOST = "policy host"


class Sign(StrEnum):
    """What a mark is about."""

    FAULT = "fault"  # of a lab
    WAITS = "waits"
    STORED = "stored"
    BOUNCED = "bounced"
    DOWN = "down"
    UP = "up"
    NOTE = "note"


class Lane(Struct, frozen=True):
    """A host."""

    name: str
    role: Role


class Said(Struct, frozen=True):
    """What became of mail for somebody on a connection; ``who`` is nobody where no mail was spoken of.

    ``subjects`` are those of the messages, as far as they came.
    """

    who: tuple[str, ...]
    text: str
    mood: Mood
    subjects: tuple[str, ...] = ()


class Arrow(Struct, frozen=True):
    """One connection, in the direction in which mail went, or was to go; lanes are places in :attr:`Way.lanes`.

    ``capture`` is the place of the file it is in.  ``arrives`` tells that the other end was reached.  ``faults`` are
    those of a lab that struck its packets.
    """

    time_ns: int
    end_ns: int
    source: int
    target: int
    said: tuple[Said, ...]
    mood: Mood
    by: str  # SMTP, IMAP …
    secured: bool  # by TLS
    capture: int
    connection: int
    frames: tuple[int, int]
    arrives: bool = True
    faults: tuple[str, ...] = ()


class Mark(Struct, frozen=True):
    """What a host did with mail, or suffered, by its own log."""

    time_ns: int
    lane: int
    sign: Sign
    text: str
    who: tuple[str, ...]
    mood: Mood
    frame: int
    detail: str = ""  # what differs from time to time: when it is tried again
    before_whom: str = ""  # the word before the names, which goes where they go

    def words(self, known: str = "") -> str:
        """All of it in a line; a recipient who is ``known`` to everybody is not named."""
        whom = "" if self.who == (known,) else ", ".join(self.who)
        return f"{' '.join(filter(None, (self.text, self.before_whom if whom else '', whom)))}{self.detail}"


class Fold(Struct, frozen=True):
    """Time in which nothing happened; or ``tries`` that went as the rows before did, and are not drawn."""

    time_ns: int
    end_ns: int
    tries: int = 0
    connections: tuple[tuple[int, int], ...] = ()  # capture and number of those not drawn


Row = Arrow | Mark | Fold


class End(Struct, frozen=True):
    """What became of mail for a recipient in the end."""

    recipient: str
    subject: str
    words: str
    mood: Mood
    frames: tuple[int, ...] = ()
    time_ns: int = 0  # when it was so, 0 where nobody knows


class Way(Struct, frozen=True):
    """The way of the mail of one or more captures.

    ``omitted`` says what is not shown, ``""`` where all is; ``whole`` tells that all connections were looked at.
    """

    title: str
    captures: tuple[str, ...]
    start_ns: int
    end_ns: int
    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    ends: tuple[End, ...]
    omitted: str = ""
    whole: bool = True

    @property
    def shown_ends(self) -> tuple[End, ...]:
        """The fates that are told one by one."""
        return self.ends[:MOST_ENDS]

    @property
    def only_recipient(self) -> str:
        """The recipient all is about, who need not be named every time; ``""`` where there are several."""
        named = [who for row in self.rows if isinstance(row, Arrow) for said in row.said for who in said.who]
        every = {who.lower(): who for who in (*named, *(end.recipient for end in self.ends))}
        return next(iter(every.values())) if len(every) == 1 else ""

    @property
    def several_messages(self) -> bool:
        """Whether messages have to be told apart, by their subjects."""
        return (
            len(
                {
                    subject
                    for row in self.rows
                    if isinstance(row, Arrow)
                    for said in row.said
                    for subject in said.subjects
                }
            )
            > 1
        )

    def whom(self, said: Said) -> str:
        """For whom and about which message that was, as far as it has to be said: ``bob@someschool.edu, “Lunch?”``."""
        who = "" if self.only_recipient else _some(said.who)
        about = _some([f"“{subject}”" for subject in said.subjects]) if self.several_messages else ""
        return ", ".join(filter(None, (who, about)))


def _some(named: Sequence[str], most: int = 2) -> str:
    """Some of those that went alike, and how many more there are."""
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")
