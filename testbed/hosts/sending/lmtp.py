"""The client side of LMTP (RFC 2033): SMTP that begins with LHLO."""

from __future__ import annotations

from typing import Any

from aiosmtplib import SMTPResponse

from testbed.hosts.sending.client import SmtpClient


class LmtpClient(SmtpClient):
    """One connection as its client."""

    async def begin_session(self, timeout: float) -> None:
        """LHLO, and nothing else where that is unknown (RFC 2033 §4.1)."""
        await self.ehlo(timeout=timeout)

    async def execute_command(self, *args: bytes, timeout: Any = None) -> SMTPResponse:
        """Send a command and hear the reply; what aiosmtplib calls EHLO is LHLO here."""
        verb, *rest = args
        return await super().execute_command(b"LHLO" if verb == b"EHLO" else verb, *rest, timeout=timeout)
