"""What a service is to the inspector.  Each has one description in its own folder, and ``table.py`` lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from testbed.trace.model.connection import Connection, Ending
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.model.finding import Finding
from testbed.trace.model.remark import Remark
from testbed.trace.services.messages import OnMessage
from testbed.trace.tcp.reassembly import Chunk, Gap

Finder = Callable[[Connection], Iterator[Finding]]
CaptureFinder = Callable[[Iterable[Connection]], Iterator[Finding]]
"""Looks at all connections of a service together.  It may go through them several times."""
Outcome = Callable[[tuple[Exchange, ...], tuple[Transaction, ...], Ending], str]
"""One line about exchanges, transactions, and how the connection ended by whom; ``""`` where only its end is known."""


class Dialogue(Protocol):
    """Takes what both sides said, in order, and gives exchanges."""

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood, in order of time; what stayed without reply is among it."""

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""


class MakeDialogue(Protocol):
    """Makes a dialogue.

    ``show_credentials`` decodes credentials, which are otherwise masked; ``on_message`` is given each message when it
    ends, by services that carry mail.
    """

    def __call__(self, *, show_credentials: bool = False, on_message: OnMessage | None = None) -> Dialogue: ...


class Mail(StrEnum):
    """Which way a service carries mail, seen from the client."""

    PUSHED = "pushed"
    PULLED = "pulled"


class Port(Struct, frozen=True):
    """Where a service listens (IANA), and what it is called there: ``imaps``.

    ``inside`` is what it is called once keys opened its TLS, ``""`` where TLS does not begin with the first octet (RFC
    8314 §3).
    """

    number: int
    name: str
    transport: str = "tcp"
    inside: str = ""


def _never(client: bytes, server: bytes) -> bool:
    return False


def _nothing(connection: Connection) -> Iterator[Finding]:
    return iter(())


class Service(Struct, frozen=True):
    """What the inspector knows of a service; the defaults are those of one it does not follow.

    ``names`` are what its connections are called, first the one they have on a port that tells nothing.
    ``recognises`` and ``contradicted`` are given up to 64 of the first octets of client and server, ``b""`` of one that
    is not known to have said anything.

    ``openings`` are what its recogniser looks for at the beginning of either side, in capital letters, eight octets at
    most: :mod:`testbed.trace.glance` leaves flows that begin so to exact code.
    """

    names: tuple[str, ...]
    ports: tuple[Port, ...] = ()
    openings: tuple[bytes, ...] = ()
    recognises: Callable[[bytes, bytes], bool] = _never  # on any port
    contradicted: Callable[[bytes, bytes], bool] = _never  # on its own ports: it cannot be this
    port_decides: bool = False  # on its own ports, it is recognised as no other, unless it is contradicted
    stream: MakeDialogue | None = None  # its dialogue over TCP, None where it is not followed
    datagrams: MakeDialogue | None = None  # over UDP
    mail: Mail | None = None
    pulled: Callable[[Exchange], int] = lambda exchange: 0  # messages, or pages, that a reply has brought the client
    word: str = ""  # what they were pulled by: "POP3"
    questions: bool = False  # exchanges are questions, and their answers records in any order
    telling: tuple[str, ...] = ()  # beginnings of the reply codes whose words matter
    outcome: Outcome = lambda exchanges, transactions, ending: ""
    findings: tuple[Finder, ...] = ()
    across: tuple[CaptureFinder, ...] = ()
    remarks: Finder = _nothing  # puts what its dialogue remarks on into sentences
    in_columns: bool = False  # testbed.trace.glance reads it in columns
