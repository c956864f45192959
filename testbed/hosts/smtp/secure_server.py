"""The SMTP server with STARTTLS (RFC 3207), TLS from the first octet (RFC 8314) and AUTH (RFC 4954)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from hmac import compare_digest

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from testbed.hosts.deeds import read_on
from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.site import Site
from testbed.hosts.smtp.commands import Terms
from testbed.hosts.smtp.handler import MailHandler
from testbed.hosts.smtp.server import SmtpServer
from testbed.hosts.streams import begin_tls
from testbed.hosts.tls import LabTls, TlsScript
from testbed.protocols import events

HANDSHAKE_TIMEOUT_S = 300.0  # scenario time; as patient as with a command
_MECHANISMS = ("LOGIN", "PLAIN")  # aiosmtpd's


class SecureSmtpServer(SmtpServer):
    """One connection's server side, where the host has a certificate or users with passwords.

    Without passwords nobody is offered AUTH.  ``implicit`` tells that TLS comes before the greeting.
    """

    def __init__(
        self,
        handler: MailHandler,
        site: Site,
        terms: Terms,
        tls: LabTls | None,
        passwords: Mapping[str, str],
        *,
        in_clear: bool = False,
        implicit: bool = False,
    ) -> None:
        self._passwords = {address.lower(): password for address, password in passwords.items()}
        super().__init__(handler, site, terms, self._check, () if passwords else _MECHANISMS)
        self._tls = tls
        self._tls_script = tls.script(site.name) if tls is not None else TlsScript()
        self._in_clear = in_clear
        self._implicit = implicit
        self._stripped: bool | None = None  # not known before the first EHLO
        self.tls_context = tls.server(site.name) if tls is not None else None

    def _encrypted(self) -> bool:
        return self.session is not None and self.session.ssl is not None

    async def greet(self, greeting: str | bytes) -> None:
        """Begin TLS where it comes first, and say the greeting."""
        if not self._implicit or await self._secure():
            await super().greet(greeting)

    def announced(self, lines: list[str]) -> list[str]:
        """The lines of the answer to EHLO, without what is not offered here, or not now."""
        if self._stripped is None:
            self._stripped = not self._implicit and self._tls_script.stripped(self._number)
        encrypted = self._encrypted()
        unoffered = {
            *(["AUTH"] if not self._passwords or not (encrypted or self._in_clear) else []),
            *(["STARTTLS"] if self._stripped or encrypted else []),
        }
        return [line for line in super().announced(lines) if line[4:].partition(" ")[0] not in unoffered]

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802
        """STARTTLS (RFC 3207 §4).

        Replaces aiosmtpd's, which takes up what came in clear with the handshake, and may lose the first command that
        came through TLS.
        """
        if arg:
            await self.push("501 5.5.4 Syntax: STARTTLS")
        elif self._tls is None:
            await self.push("502 5.5.1 There is no TLS here")
        elif self._encrypted():
            await self.push("503 5.5.1 TLS is there already")
        else:
            await self.push("220 2.0.0 Ready to start TLS")
            await self._secure()

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802
        """AUTH (RFC 4954 §4)."""
        if self.envelope is not None and self.envelope.mail_from is not None:
            await self.push("503 5.5.1 AUTH is not permitted during a mail transaction")
            return
        if await self.check_helo_needed("EHLO"):
            return
        if self.session is not None and self.session.extended_smtp and not (self._encrypted() or self._in_clear):
            await self.push("538 5.7.11 Encryption required for requested authentication mechanism")
            return
        try:
            await super().smtp_AUTH(arg or "")
        except ValueError:  # no line end within the reader's limit
            await self.push("500 5.5.6 Authentication exchange line is too long")

    async def _secure(self) -> bool:
        """Do the TLS handshake; False when it failed, and the connection is gone.

        What the client sent in clear is forgotten before the handshake begins (RFC 3207 §4.2): all it said, and all
        that waits to be read.  Of what arrives after this, everything goes through TLS.
        """
        assert self._tls is not None
        flaw = self._tls_script.flaw(self._number)
        if flaw == "stalled":
            self.be_patient()
            await read_on(self)
            self.hang_up()
            return False
        peer = self.session.peer if self.session is not None else None
        self.envelope, self.session = EsmtpEnvelope(), Session(self.loop)
        self.session.peer = peer
        context = self._tls.server(self.hostname, flaw)
        reader = asyncio.StreamReader(limit=self.line_length_limit)
        try:
            self.reader, self.writer = await begin_tls(
                self.writer, context, timeout_s=HANDSHAKE_TIMEOUT_S, reader=reader, owner=self
            )
        except OSError as error:
            self._handshake_failed(error)
            return False
        self.transport = self.writer.transport
        self.session.ssl = {"cipher": self.writer.get_extra_info("cipher")}
        self._idle.restart()
        return True

    def _handshake_failed(self, error: OSError) -> None:
        peer = str(self.session.peer[0]) if self.session is not None and self.session.peer else ""
        log_failed_handshake(self._site, peer, error)
        self.connection_lost(None)  # of which asyncio tells nobody

    def _check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object) -> AuthResult:
        """Whether the password is right; a wrong one and an unknown user are answered alike (RFC 4954 §6)."""
        assert isinstance(login, LoginPassword)
        known = self._passwords.get(login.login.decode("utf-8", "replace").lower())
        right = compare_digest(login.password, (known or "").encode()) and known is not None
        return AuthResult(success=right, handled=False, auth_data=login)


def log_failed_handshake(site: Site, peer: str, error: OSError) -> None:
    """Log that TLS with the client at an address has failed."""
    reason = tls_reason(error)
    site.log(events.TlsFailed(peer=peer, reason=reason), f"TLS with {peer} failed: {reason}")


def tls_reason(error: OSError) -> str:
    """Why a handshake has failed."""
    return (error.reason if isinstance(error, ssl.SSLError) else None) or str(error) or "the connection ended"
