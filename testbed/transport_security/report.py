"""To whom clients are to report about TLS (RFC 8460 §3)."""

from __future__ import annotations

from collections.abc import Iterable


def address_record_name(domain: str) -> str:
    """Where a domain says whom to report to."""
    return f"_smtp._tls.{domain}"


def address_record(addresses: Iterable[str]) -> str:
    """The TXT record that says so."""
    return f"v=TLSRPTv1; rua={','.join(f'mailto:{address}' for address in addresses)}"
