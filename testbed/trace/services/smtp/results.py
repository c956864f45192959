"""What came of a command in SMTP, where it says more than its reply."""

from __future__ import annotations

from dataclasses import dataclass, replace

from testbed.trace.model.exchange import Exchange, ServiceResult


@dataclass(frozen=True, slots=True)
class TlsNeverBegan(ServiceResult):
    """Of STARTTLS: the server agreed, and nothing came behind its reply."""


def tls_never_began(exchange: Exchange) -> bool:
    """Whether the server agreed to TLS, and nothing came behind its reply."""
    return isinstance(exchange.result, TlsNeverBegan)


def with_tls(exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The exchanges of a connection on which TLS did begin, where the dialogue was given none of it."""
    return tuple(replace(e, result=None) if tls_never_began(e) else e for e in exchanges)
