"""What came of a command in SMTP, where it says more than its reply."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.trace.model.exchange import Exchange, ServiceResult


@dataclass(frozen=True, slots=True)
class TlsNeverBegan(ServiceResult):
    """Of STARTTLS: the server agreed, and nothing came behind its reply."""


def tls_never_began(exchange: Exchange) -> bool:
    """Whether the server agreed to TLS, and nothing came behind its reply."""
    return isinstance(exchange.result, TlsNeverBegan)
