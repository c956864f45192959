"""Addresses of senders, as relays may write them anew: so that bounces come back, or to hide a host of their own."""

from __future__ import annotations

from testbed.protocols.address import domain_of


def rewritten(before: str, after: str) -> bool:
    """Whether a sender, both in lower case, is the same, or the one before written anew.

    SRS, BATV and VERP keep it within the new one's local part.  Masquerading keeps the local part, and writes a domain
    above or below.
    """
    if before == after:
        return True
    local, new_local = before.rpartition("@")[0], after.rpartition("@")[0]
    if not local or not new_local:
        return False
    if local != new_local:
        return local in new_local
    domain, new_domain = domain_of(before), domain_of(after)
    return not domain or domain.endswith(f".{new_domain}") or new_domain.endswith(f".{domain}")
