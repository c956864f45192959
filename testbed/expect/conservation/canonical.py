"""Domains that are aliases: a server may write the canonical name into the addresses of mail it passes on.

RFC 1123 §5.2.2 demanded it, and some still do it; RFC 5321 §5.1 looks the canonical name up, and leaves the address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testbed.protocols.address import domain_of
from testbed.trace.analysis import Analysis
from testbed.trace.services.dns.results import usable_answer


def canonical_names(analysis: Analysis) -> Mapping[str, frozenset[str]]:
    """The names that a capture's name servers said each name is an alias of, in lower case."""
    found: dict[str, frozenset[str]] = {}
    for connection in analysis.connections:
        for exchange in connection.exchanges:
            answer = usable_answer(exchange)
            if answer is not None and exchange.command is not None:
                name = exchange.command.argument.rstrip(".").lower()
                found[name] = found.get(name, frozenset()).union(answer.targets("CNAME"))
    return found


def canonical_addresses(address: str, names: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """What an address, in lower case, may be written as where its domain is an alias."""
    local, domain = address.rpartition("@")[0], domain_of(address)
    yield from (f"{local}@{name}" for name in sorted(names.get(domain, ())) if name != domain)
