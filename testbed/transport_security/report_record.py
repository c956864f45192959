"""To whom clients are to report about TLS: the TXT record, written and read (RFC 8460 §3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_VERSION = re.compile(r"v=TLSRPTv1[ \t]*(;|\Z)")
_MAILTO = re.compile(r"mailto:([^\s,!;?]+@[^\s,!;?]+)", re.IGNORECASE)
MAX_ADDRESSES = 5  # of one record that are written to


class NoReports(ValueError):
    """Why a domain gets no reports, as the rest of a sentence."""


def address_record_name(domain: str) -> str:
    """Where a domain says whom to report to."""
    return f"_smtp._tls.{domain}"


def address_record(addresses: Iterable[str]) -> str:
    """The TXT record that says so."""
    return f"v=TLSRPTv1; rua={','.join(f'mailto:{address}' for address in addresses)}"


def addresses_in(records: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The mail addresses in the TXT records of that name, and the URIs that are none; ``()`` twice for no record.

    Raises NoReports for several records (§3: then the domain counts as having none), and for one without ``rua``.
    """
    ours = [text for text in records if _VERSION.match(text)]
    if not ours:
        return (), ()
    if len(ours) > 1:
        raise NoReports(f"there are {len(ours)} records of TLS reporting, and there must be one")
    for field in ours[0].split(";")[1:]:
        name, equals, value = field.partition("=")
        if equals and name.strip(" \t") == "rua":
            uris = [uri.strip(" \t") for uri in value.split(",")[:MAX_ADDRESSES]]
            found = [_MAILTO.fullmatch(uri) for uri in uris]
            return (
                tuple(dict.fromkeys(one[1] for one in found if one is not None)),
                tuple(uri for uri, one in zip(uris, found, strict=True) if one is None and uri),
            )
    raise NoReports("its record of TLS reporting has no rua")
