"""To whom clients are to report about TLS: the TXT record, written and read (RFC 8460 §3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

_VERSION = re.compile(r"v=TLSRPTv1[ \t]*(;|\Z)")
_MAILTO = re.compile(r"mailto:([^\s,!;?]+@[^\s,!;?]+)", re.IGNORECASE)
_HTTPS = re.compile(r"https://([A-Za-z0-9.-]{1,253})(/[!-~]*)?", re.IGNORECASE)
MAX_ADDRESSES = 5  # of one record that are written to


class NoReports(ValueError):
    """Why a domain gets no reports, as the rest of a sentence."""


class Destinations(Struct, frozen=True):
    """Mail addresses, URIs that reports are posted to, and URIs that are neither."""

    mail: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def https_parts(uri: str) -> tuple[str, str] | None:
    """Host and path of a URI that reports can be posted to, on port 443; None for any other."""
    found = _HTTPS.fullmatch(uri)
    return (found[1].lower(), found[2] or "/") if found is not None else None


def address_record_name(domain: str) -> str:
    """Where a domain says whom to report to."""
    return f"_smtp._tls.{domain}"


def address_record(destinations: Iterable[str]) -> str:
    """The TXT record that says so, of mail addresses and URIs."""
    return f"v=TLSRPTv1; rua={','.join(one if https_parts(one) else f'mailto:{one}' for one in destinations)}"


def destinations_in(records: Sequence[str]) -> Destinations:
    """Where the TXT records of that name want reports, nowhere for no record.

    Raises NoReports for several records (§3: then the domain counts as having none), and for one without ``rua``.
    """
    ours = [text for text in records if _VERSION.match(text)]
    if not ours:
        return Destinations()
    if len(ours) > 1:
        raise NoReports(f"there are {len(ours)} records of TLS reporting, and there must be one")
    for field in ours[0].split(";")[1:]:
        name, equals, value = field.partition("=")
        if equals and name.strip(" \t") == "rua":
            uris = [uri.strip(" \t") for uri in value.split(",")[:MAX_ADDRESSES]]
            mail = dict.fromkeys(found[1] for uri in uris if (found := _MAILTO.fullmatch(uri)))
            posts = dict.fromkeys(uri for uri in uris if https_parts(uri))
            others = (uri for uri in uris if uri and uri not in posts and not _MAILTO.fullmatch(uri))
            return Destinations(tuple(mail), tuple(posts), tuple(others))
    raise NoReports("its record of TLS reporting has no rua")
