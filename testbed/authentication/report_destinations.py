"""Who may be sent reports on a domain: others than its own must have agreed (RFC 9990)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from testbed.authentication.dmarc_record import is_record, parse
from testbed.authentication.lookup import Lookup, look_up
from testbed.authentication.tree_walk import Undecided, walk

MAX_ADDRESSES = 5


class Destinations(Struct, frozen=True):
    """``addresses`` get the report; ``refused`` are others, each with the reason."""

    addresses: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()


Tag = Literal["rua", "ruf"]
"""Where a record names who gets aggregate reports, and who gets those on failures (RFC 9991 §4)."""


def destinations(lookup: Lookup, domain: str, addresses: tuple[str, ...], tag: Tag = "rua") -> Destinations:
    """Of the addresses in a policy domain's tag those that may be written to, as agreed; five are looked at."""
    agreed: list[str] = []
    refused = []
    for address in addresses[:MAX_ADDRESSES]:
        try:
            found, reason = _agreed(lookup, domain, address, tag)
        except Undecided as error:
            found, reason = (), str(error)
        agreed += found
        if not found:
            refused.append((address, reason))
    return Destinations(tuple(dict.fromkeys(agreed)), tuple(refused))


def _agreed(lookup: Lookup, domain: str, address: str, tag: Tag) -> tuple[tuple[str, ...], str]:
    host = address.rpartition("@")[2].lower()
    if host == domain or walk(lookup, host).organization == walk(lookup, domain).organization:
        return (address,), ""
    name = f"{domain}._report._dmarc.{host}"
    answer = look_up(lookup, name, "TXT")
    if answer.failed:
        raise Undecided(name, answer.outcome)
    records = [parse(text) for text in answer.records if is_record(text)]
    if not records:
        return (), f"{host} does not say at {name} that it takes reports on {domain}"
    named = [record.reports if tag == "rua" else record.failures for record in records]
    instead = next(filter(None, named), ())
    if not all(one.rpartition("@")[2].lower() == host for one in instead):
        return (), f"{name} names an address that is not of {host}"
    return instead or (address,), ""
