"""The server side of LMTP (RFC 2033): LHLO in place of EHLO, and a reply to the message for each recipient."""

from __future__ import annotations

from functools import partial

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.smtp.secure_server import SecureSmtpServer
from testbed.hosts.smtp.server import SmtpServer


class LmtpServer(SmtpServer):
    """One connection's server side."""

    ident = "LMTP"

    async def smtp_LHLO(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """LHLO, which is answered as EHLO is (RFC 2033 §4.1)."""
        if arg:
            await super().smtp_EHLO(arg)
        else:
            await self.push("501 5.5.4 Syntax: LHLO hostname")

    async def smtp_EHLO(self, arg: str | None) -> None:  # noqa: N802
        """EHLO is not known here (RFC 2033 §4.1)."""
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    smtp_HELO = smtp_EHLO  # noqa: N815

    async def check_helo_needed(self, helo: str = "LHLO") -> bool:
        """Whether LHLO has not been said, which is answered then."""
        return bool(await super().check_helo_needed("LHLO"))

    async def _end_message(self, content: bytes, refusal: str) -> None:
        """Answer once for each recipient that was accepted, in their order (RFC 2033 §4.2)."""
        transaction = self.transaction()
        if not self._answered_early:
            refusal = refusal or self._refusal(content)
            for recipient in transaction.recipients:
                self.envelope = transaction.only(recipient)
                self.envelope.by_lmtp = True
                if not await self._answer_message(
                    partial(self._conclude, content, refusal), recipient.address, refusal
                ):
                    break
        self.envelope = EsmtpEnvelope()

    async def _conclude(self, content: bytes, refusal: str) -> None:
        await self.push(refusal or self._store(content, self.transaction()))


class SecureLmtpServer(LmtpServer, SecureSmtpServer):
    """The same where the host has a certificate."""
