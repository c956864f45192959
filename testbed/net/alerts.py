"""Alerts that tell why a TLS handshake failed (RFC 8446 §6.2): asyncio closes the connection without sending them."""

from __future__ import annotations

from asyncio import sslproto
from collections.abc import Callable


class _AlertingProtocol(sslproto.SSLProtocol):
    """asyncio's, but what OpenSSL has still to say is sent before the connection is closed."""

    _process_outgoing: Callable[[], None]

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        if handshake_exc is not None and self._transport is not None:
            self._process_outgoing()
        super()._on_handshake_complete(handshake_exc)


def send_alerts() -> None:
    """Let every TLS handshake of this process, which must be a lab's own, end as those of other programs do."""
    setattr(sslproto, "SSLProtocol", _AlertingProtocol)  # noqa: B010 - where asyncio looks for it
