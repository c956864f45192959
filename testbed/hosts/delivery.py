"""The client side of a relay: one SMTP session with one address of one next hop (RFC 5321 §3.3, §4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import aiosmtplib
from aiosmtplib.errors import (
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from testbed.hosts.client_security import TlsUnavailable, connected_socket, log_in, start_tls
from testbed.hosts.results import HopFailed, Result, failure_result, reply_result
from testbed.hosts.site import Site
from testbed.protocols.events import Event
from testbed.scenario.security import TlsPolicy

__all__ = ["HopFailed", "Result", "Security", "Session", "Wanted", "failure_result", "reply_result"]

# Seconds of scenario time to wait for the reply to each command (RFC 5321 §4.5.3.2).
TIMEOUTS_S = {"connect": 300.0, "EHLO": 300.0, "MAIL": 300.0, "RCPT": 300.0, "message": 600.0, "QUIT": 300.0}


Wanted = TlsPolicy | Literal["implicit"]


@dataclass(frozen=True, slots=True)
class Security:
    """What a client wants of a connection to ``server``, whose certificate must bear that name.

    ``tls`` is a relay's policy (:data:`~testbed.scenario.security.TlsPolicy`), or ``implicit``: TLS from the first
    octet, with a good certificate.  ``login`` is a user and a password, for AUTH.
    """

    server: str = ""
    tls: Wanted = "none"
    login: tuple[str, str] | None = None


class Session:
    """One connection to a server, from greeting to QUIT."""

    def __init__(self, site: Site, address: str, port: int, security: Security = Security()) -> None:
        self._site = site
        self._address = address
        self._port = port
        self._security = security
        self._client = self._new_client()

    def _new_client(self) -> aiosmtplib.SMTP:
        source = self._site.source_for(self._address)
        return aiosmtplib.SMTP(
            hostname=self._address,
            port=self._port,
            local_hostname=self._site.name,
            source_address=(source, 0) if source else None,
            use_tls=False,
            start_tls=False,
            timeout=TIMEOUTS_S["connect"],
        )

    async def open(self) -> None:
        """Connect, say EHLO (HELO where EHLO is unknown), begin TLS and log in, as wanted.  Raises HopFailed."""
        try:
            await self._connect()
            if self._security.login is not None:
                await log_in(self._client, *self._security.login)
        except HopFailed:
            await self.quit()
            raise
        except (SMTPException, OSError) as error:
            self.drop()
            raise HopFailed(failure_result(error)) from error

    async def _connect(self) -> None:
        wanted, tls = self._security, self._site.tls
        if wanted.tls == "implicit":
            await self._connect_in_tls()
            await self._greet()
            return
        await self._client.connect()
        await self._greet()
        if wanted.tls == "none":
            return
        try:
            await start_tls(self._client, tls, wanted.server, checks=wanted.tls == "required")
        except TlsUnavailable as failed:
            if wanted.tls == "required":
                raise HopFailed(failed.result) from failed
            await self._go_on_in_clear(failed.result)
        else:
            await self._greet()  # what was said before TLS counts no more (RFC 3207 §4.2)

    async def _connect_in_tls(self) -> None:
        if self._site.tls is None:
            raise HopFailed(Result(0, "4.7.4", "there is no TLS in this lab"))
        source = self._site.source_for(self._address)
        self._client.hostname = self._security.server  # the name the certificate is for
        await self._client.connect(
            sock=await connected_socket(self._address, self._port, source, TIMEOUTS_S["connect"]),
            port=None,
            source_address=None,
            use_tls=True,
            tls_context=self._site.tls.authority.client(checks=True),
        )

    async def _go_on_in_clear(self, reason: Result) -> None:
        self._site.log(
            Event.IN_CLEAR,
            f"goes on with {self._security.server} in clear: {reason}",
            next_hop=self._security.server,
            status=str(reason),
        )
        if not self._client.is_connected:
            self.drop()
            self._client = self._new_client()
            await self._client.connect()
            await self._greet()

    async def _greet(self) -> None:
        try:
            await self._client.ehlo(timeout=TIMEOUTS_S["EHLO"])
        except SMTPResponseException as refusal:
            if refusal.code not in (500, 502, 504, 550):
                raise
            await self._client.helo(timeout=TIMEOUTS_S["EHLO"])

    async def send(self, sender: str, recipients: list[str], content: bytes) -> dict[str, Result]:
        """One mail transaction; every recipient gets a result, whatever happens to the connection."""
        # Without SMTPUTF8 such an address cannot be said at all (RFC 6531 §3.5).
        unsayable = [r for r in recipients if not (r.isascii() and sender.isascii())]
        results = dict.fromkeys(unsayable, Result(0, "5.6.7", "the address is not ASCII, and SMTPUTF8 is not spoken"))
        recipients = [recipient for recipient in recipients if recipient not in results]
        accepted: list[str] = []
        if not recipients:
            return results
        try:
            options = [f"SIZE={len(content)}"] if self._client.supports_extension("size") else []
            await self._client.mail(sender, options=options, timeout=TIMEOUTS_S["MAIL"])
            for recipient in recipients:
                try:
                    await self._client.rcpt(recipient, timeout=TIMEOUTS_S["RCPT"])
                except SMTPRecipientRefused as refusal:
                    results[recipient] = reply_result(refusal.code, refusal.message)
                else:
                    accepted.append(recipient)
            if accepted:
                response = await self._client.data(content, timeout=TIMEOUTS_S["message"])
                results |= dict.fromkeys(accepted, reply_result(response.code, response.message))
        except (SMTPException, OSError) as error:
            verdict = failure_result(error)
            results |= {r: verdict for r in recipients if r not in results}
            if isinstance(error, (SMTPServerDisconnected, SMTPTimeoutError)):
                self.drop()
        return results

    async def quit(self) -> None:
        """Say QUIT and close, whatever the server answers."""
        try:
            if self._client.is_connected:
                await self._client.quit(timeout=TIMEOUTS_S["QUIT"])
        except (SMTPException, OSError):
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """Close at once."""
        self._client.close()
