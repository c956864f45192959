"""What a fingerprint is made of.

Times are nanoseconds since the first record of the trace.  Frames say where a thing is seen; they are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from testbed.protocols.tls import alert_name, version_name
from testbed.trace.model.connection import Closure, Handshake
from testbed.trace.services.reading.outcome import Reading

Frames = tuple[int, ...]


class Status(Struct, frozen=True):
    """Code and enhanced code of a reply, both ``""`` where it is none of the protocol."""

    code: str
    enhanced: str

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced}".strip() or "no reply of the protocol"


@dataclass(frozen=True, slots=True)
class Replies:
    """What one command was answered: by one reply, or by one for each recipient (RFC 2033 §4.2).

    ``words`` are those of a refusal; that they are others is a change of its own.
    """

    statuses: tuple[Status, ...]
    words: str = field(default="", compare=False)

    def __str__(self) -> str:
        return ", ".join(map(str, self.statuses)) + (f" '{self.words}'" if self.words else "")


class Ended(Struct, frozen=True):
    """How a connection ended, and by whom, ``""`` where nobody knows."""

    closure: Closure
    by: str

    def __str__(self) -> str:
        return f"{self.closure} by {self.by}" if self.by else self.closure


class Tls(Struct, frozen=True):
    """The TLS of a connection; not its cipher, which is up to the libraries installed.

    ``version`` is 0 without an answer.  ``fatal`` are the sides and codes of fatal alerts, None for an encrypted one.
    """

    version: int
    server_name: str
    in_clear: bool  # a server answered in plain text
    fatal: tuple[tuple[int, int | None], ...]

    def __str__(self) -> str:
        words = version_name(self.version) or "TLS without an answer"
        words += f" for {self.server_name}" if self.server_name else ""
        words += ", answered in clear" if self.in_clear else ""
        for side, code in self.fatal:
            said = "an encrypted alert" if code is None else alert_name(code)
            words += f", ended by the {('client', 'server')[side]}: {said}"
        return words


@dataclass(frozen=True, slots=True)
class CommandReply:
    """A command and its reply, None where none came.

    ``words`` are what a reply says that matters beyond its code: why something is refused.  ``items`` are what it
    lists in any order: what is offered, the records of an answer.  ``octets`` is the size that was sent or announced.
    ``cut`` tells that the server ended the connection within the message: how much of it was on its way by then is up
    to the kernels of both ends.  ``ahead`` tells that the command went out before the reply to the one before it had
    come (RFC 2920).  ``waited_ns`` is the time until the reply, or until the connection ended without one.
    """

    verb: str
    argument: str
    reply: Replies | None
    words: str
    items: tuple[str, ...]
    ahead: bool
    octets: int
    cut: bool
    waited_ns: int
    frames: Frames = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class MailTransaction:
    """A mail transaction: ``message`` names it by what it says (:func:`testbed.trace.compare.normal.name_messages`).

    ``recipients`` are addresses, each with the reply that decided on it, or ``"no reply"``, and whether it was taken.
    """

    sender: str
    message: str
    recipients: tuple[tuple[str, str, bool], ...]
    frames: Frames = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Talk:
    """One TCP connection (or a UDP flow that is no look-up).

    ``address`` counts which address of the server it was, from 1.  ``opened`` is how often the client sent its SYN,
    ``repeated`` whether data had to be sent again.  ``reading`` is what somebody did who read mail.
    ``loose`` tells that one end is a program of its own, whose haste nobody knows.
    """

    client: str
    server: str
    service: str
    address: int
    start_ns: int
    end_ns: int
    handshake: Handshake
    ending: Ended
    tls: Tls | None
    opened: int
    repeated: bool
    lines: tuple[CommandReply, ...]
    mails: tuple[MailTransaction, ...]
    reading: Reading | None
    loose: bool
    frames: Frames = field(compare=False, repr=False)
    opening: Frames = field(compare=False, repr=False)
    closing: Frames = field(compare=False, repr=False)
    again: Frames = field(compare=False, repr=False)

    @property
    def way(self) -> tuple[str, str, str]:
        """Client, server and service."""
        return self.client, self.server, self.service


@dataclass(frozen=True, slots=True)
class Question:
    """A look-up over UDP and its answer; ``records`` in no order, for servers rotate them."""

    client: str
    server: str
    kind: str
    name: str
    answer: str
    records: tuple[str, ...]
    frames: Frames = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a host logged that it did.  ``about`` are the fields that mean the same in every run.

    ``in_ns`` is the delay it chose, ``body`` the digest of a stored message's body where its words are not made up
    anew in each run, as those of notifications and of programs are.
    """

    host: str
    event: str
    about: tuple[tuple[str, str], ...]
    in_ns: int
    body: str
    frames: Frames = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Clue:
    """A finding: its code, and between whom."""

    code: str
    between: tuple[str, ...]
    text: str = field(compare=False, repr=False)
    frames: Frames = field(compare=False, repr=False)


class Fingerprint(Struct, frozen=True):
    """What a trace says.  ``hosts`` are in the order in which they were first seen; ``talks`` and ``deeds`` in time."""

    hosts: tuple[str, ...]
    named: frozenset[str]  # hosts whose name the trace tells; the others are addresses
    talks: tuple[Talk, ...]
    questions: tuple[Question, ...]
    deeds: tuple[Deed, ...]
    clues: tuple[Clue, ...]
