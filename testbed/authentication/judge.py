"""All checks of one message at once."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from testbed.authentication import arc, block_list, dkim, dmarc, reverse, spf
from testbed.authentication.author import Author, author_of
from testbed.authentication.lookup import Lookup
from testbed.authentication.message import parse
from testbed.authentication.words import Check


class Offer(Struct, frozen=True):
    """A message as it was offered: who brought it, for whom, and its octets (CRLF lines).

    ``client`` is an IP address, ``now`` seconds since 1970; ``lists`` are zones of block lists.
    """

    client: str
    helo: str
    mail_from: str
    octets: bytes
    now: int | None = None
    receiver: str = ""
    lists: tuple[str, ...] = ()


class Judgement(Struct, frozen=True):
    """What the checks found; ``None`` and ``()`` are of checks that were not asked for."""

    offer: Offer
    author: Author
    spf: spf.Verdict | None = None
    dkim: tuple[dkim.Verdict, ...] | None = None
    dmarc: dmarc.Verdict | None = None
    arc: arc.Chain | None = None
    ptr: reverse.Verdict | None = None
    dnsbl: tuple[block_list.Verdict, ...] = ()


def judge(offer: Offer, checks: Collection[Check], lookup: Lookup) -> Judgement:
    """Check a message.  DMARC needs SPF and DKIM, which are then checked, too."""
    for_dmarc = "dmarc" in checks
    author = author_of(parse(offer.octets))
    of_spf = of_client(offer, lookup) if for_dmarc or "spf" in checks else None
    of_dkim = dkim.verify(offer.octets, lookup, offer.now) if for_dmarc or "dkim" in checks else None
    return Judgement(
        offer,
        author,
        of_spf,
        of_dkim,
        # An empty MAIL FROM stands for postmaster at the client's name (RFC 7208 §2.4), and DMARC takes that for it.
        dmarc.verify(lookup, author, of_spf, of_dkim or ()) if for_dmarc else None,
        arc.verify(offer.octets, lookup, offer.now) if "arc" in checks else None,
        reverse.verify(lookup, offer.client) if "ptr" in checks else None,
        tuple(block_list.verify(lookup, offer.client, zone) for zone in offer.lists) if "dnsbl" in checks else (),
    )


def of_client(offer: Offer, lookup: Lookup) -> spf.Verdict:
    """What SPF says of an offer, which needs no message."""
    return spf.verify(lookup, offer.client, offer.mail_from, offer.helo, receiver=offer.receiver, now=offer.now or 0)
