"""Dialogues: what both sides said, as pairs of command and reply.  A protocol is one file here and one row below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.model.remark import Remark
from testbed.trace.services.dns.dialogue import DnsDialogue
from testbed.trace.services.http.dialogue import HttpDialogue
from testbed.trace.services.messages import OnMessage
from testbed.trace.services.reading.imap import ImapDialogue
from testbed.trace.services.reading.pop3 import Pop3Dialogue
from testbed.trace.services.smtp.dialogue import SmtpDialogue
from testbed.trace.tcp.reassembly import Chunk, Gap


class Dialogue(Protocol):
    """Takes what both sides said, in order, and gives exchanges."""

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood, in order of time; what stayed without reply is among it."""


@runtime_checkable
class RemarkingDialogue(Dialogue, Protocol):
    """A dialogue that remarks on what it reads."""

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""


MailDialogue = RemarkingDialogue
"""A dialogue that carries mail."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said on a connection."""

    service: str
    exchanges: tuple[Exchange, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    gaps: tuple[Gap, ...] = ()
    remarks: tuple[Remark, ...] = ()


_MAIL: dict[str, type[SmtpDialogue] | type[Pop3Dialogue] | type[ImapDialogue]] = {
    "smtp": SmtpDialogue,
    "submission": SmtpDialogue,
    "pop3": Pop3Dialogue,
    "imap": ImapDialogue,
}
# Each is made with whether to show credentials.
_TCP: dict[str, Callable[[bool], Dialogue]] = {
    "dns": lambda _: DnsDialogue(stream=True),
    "http": lambda show: HttpDialogue(show_credentials=show),
}
_UDP: dict[str, Callable[[bool], Dialogue]] = {
    "dns": lambda _: DnsDialogue(stream=False),
    "mdns": lambda _: DnsDialogue(stream=False),
}


def followed(transport: str, service: str) -> bool:
    """Whether the dialogue of a service is followed."""
    return service in _TCP or service in _MAIL if transport == "tcp" else service in _UDP


def mail_dialogue(
    service: str, *, show_credentials: bool = False, on_message: OnMessage | None = None
) -> MailDialogue | None:
    """The dialogue of a service that carries mail over TCP, None for any other.

    ``show_credentials`` decodes credentials, which are masked else; ``on_message`` is given each message when it ends.
    """
    kind = _MAIL.get(service)
    return kind(show_credentials=show_credentials, on_message=on_message) if kind else None


def listen(transport: str, service: str, items: Iterable[Chunk | Gap], *, show_credentials: bool = False) -> Spoken:
    """Follow the dialogue of one connection.  ``show_credentials`` decodes credentials, which are masked else."""
    mail = mail_dialogue(service, show_credentials=show_credentials) if transport == "tcp" else None
    make = (_TCP if transport == "tcp" else _UDP).get(service)
    dialogue = mail or (make(show_credentials) if make else None)
    gaps = []
    for item in items:
        if isinstance(item, Gap):
            gaps.append(item)
        if dialogue is not None:
            dialogue.feed(item)
    exchanges, transactions = dialogue.finish() if dialogue else ((), ())
    remarks = dialogue.remarks() if isinstance(dialogue, RemarkingDialogue) else ()
    named = dialogue.service if isinstance(dialogue, HttpDialogue) else service
    return Spoken(named, exchanges, transactions, tuple(gaps), remarks)


def first_octets(items: Iterable[Chunk | Gap], most: int = 64) -> tuple[bytes, bytes, Iterator[Chunk | Gap]]:
    """The first octets of both sides, and an iterator over all items as if nothing had been read."""
    kept: list[Chunk | Gap] = []
    heads = [bytearray(), bytearray()]
    source = iter(items)
    for item in source:
        kept.append(item)
        if isinstance(item, Chunk) and len(heads[item.side]) < most:
            heads[item.side] += item.octets[:most]
        if (heads[0] and heads[1]) or len(kept) > 32:
            break

    def again() -> Iterator[Chunk | Gap]:
        yield from kept
        yield from source

    return bytes(heads[0]), bytes(heads[1]), again()
