"""What was said on a connection, by the dialogue of its service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.model.remark import Remark
from testbed.trace.services.table import service_of
from testbed.trace.tcp.reassembly import Chunk, Gap


class Spoken(Struct, frozen=True):
    """What was said on a connection.  ``words`` tells that its client began with text that no dialogue is known for."""

    service: str
    exchanges: tuple[Exchange, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    gaps: tuple[Gap, ...] = ()
    remarks: tuple[Remark, ...] = ()
    words: bool = False


def listen(transport: str, name: str, items: Iterable[Chunk | Gap], *, show_credentials: bool = False) -> Spoken:
    """Follow the dialogue of one connection.  ``show_credentials`` decodes credentials, which are otherwise masked."""
    service = service_of(name)
    make = service.stream if transport == "tcp" else service.datagrams
    dialogue = make(show_credentials=show_credentials) if make else None
    gaps = []
    for item in items:
        if isinstance(item, Gap) and not item.encrypted:
            gaps.append(item)
        if dialogue is not None:
            dialogue.feed(item)
    if dialogue is None:
        return Spoken(name, gaps=tuple(gaps))
    exchanges, transactions = dialogue.finish()
    named: str = getattr(dialogue, "service", name)  # of a dialogue that shows, once finished, which it was
    return Spoken(named, exchanges, transactions, tuple(gaps), dialogue.remarks())


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
