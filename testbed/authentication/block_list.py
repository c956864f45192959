"""Is the client on a block list?  (RFC 5782)"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from msgspec import Struct

from testbed.authentication.lookup import Lookup, look_up

Result = Literal["listed", "not listed", "refused", "broken", "temperror"]

_ANSWERS = ip_network("127.0.0.0/8")
# What lists say to whom they do not serve: these are no listings.
_REFUSALS = {
    "127.255.255.252": "the list is asked by a wrong name",
    "127.255.255.254": "the list does not answer to public resolvers",
    "127.255.255.255": "the list was asked too often",
}
_REFUSED = ip_network("127.255.255.0/24")
_TEST = "127.0.0.1"  # must never be listed (RFC 5782 §5)


class Verdict(Struct, frozen=True):
    """``codes`` are the addresses that say what for; ``text`` is the list's own, of a stranger.

    ``refused`` is a list that does not answer this questioner, ``broken`` one that answers what no list may: neither
    says anything of the client.
    """

    result: Result
    reason: str
    zone: str
    codes: tuple[str, ...] = ()
    text: str = ""


def verify(lookup: Lookup, client: str, zone: str) -> Verdict:
    """Ask a list for a client's IP address."""
    name = query_name(client, zone)
    answer = look_up(lookup, name, "A")
    if answer.failed:
        return Verdict("temperror", f"{zone} does not answer ({answer.outcome})", zone)
    if not answer.records:
        return Verdict("not listed", f"{client} is not on {zone}", zone)
    codes = tuple(answer.records)
    refusal = next((code for code in codes if _within(code, _REFUSED)), "")
    if refusal:
        why = _REFUSALS.get(refusal, "the list does not serve who asks")
        return Verdict("refused", f"{zone} says {refusal}: {why}; nothing is said of {client}", zone, codes)
    strange = next((code for code in codes if not _within(code, _ANSWERS)), "")
    if strange:
        return Verdict(
            "broken", f"{zone} says {strange}, which is no answer of a block list (RFC 5782 §2.1)", zone, codes
        )
    if look_up(lookup, query_name(_TEST, zone), "A").records:
        return Verdict("broken", f"{zone} lists {_TEST}, so it lists the whole world (RFC 5782 §5)", zone, codes)
    text = next(iter(look_up(lookup, name, "TXT").records), "")
    shown = "".join(c if c.isprintable() else "?" for c in text)[:200]
    return Verdict("listed", f"{client} is on {zone} ({', '.join(codes)})", zone, codes, shown)


def query_name(client: str, zone: str) -> str:
    """What to ask a list for (RFC 5782 §2.1, §2.4)."""
    address = ip_address(client)
    parts = address.reverse_pointer.split(".")[: 4 if isinstance(address, IPv4Address) else 32]
    return ".".join([*parts, zone.removesuffix(".")])


def _within(code: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(code) in network
    except ValueError:
        return False
