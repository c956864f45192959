"""What a fingerprint is made of.

Times are nanoseconds since the first record of the trace.  Frames say where a thing is seen; they are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from testbed.trace.services.reading.outcome import Reading

Frames = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CommandReply:
    """A command and its reply.

    ``reply`` is code and enhanced code, ``""`` where none came.  ``words`` are what a reply says that matters beyond
    its code: why something is refused, what is offered.  ``octets`` is the size that was sent or announced.  ``ahead``
    tells that the command went out before the reply to the one before it had come (RFC 2920).  ``waited_ns`` is the
    time until the reply, or until the connection ended without one.
    """

    verb: str
    argument: str
    reply: str
    words: str
    ahead: bool
    octets: int
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
    handshake: str
    closure: str
    closed_by: str
    tls: str
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


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a trace says.  ``hosts`` are in the order in which they were first seen; ``talks`` and ``deeds`` in time."""

    hosts: tuple[str, ...]
    named: frozenset[str]  # hosts whose name the trace tells; the others are addresses
    talks: tuple[Talk, ...]
    questions: tuple[Question, ...]
    deeds: tuple[Deed, ...]
    clues: tuple[Clue, ...]
