"""The client side of a relay: one SMTP session with one address of one next hop (RFC 5321 §3.3, §4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiosmtplib import SMTPStatus
from aiosmtplib.errors import (
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPConnectTimeoutError,
    SMTPException,
    SMTPReadTimeoutError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from testbed.hosts.site import Site
from testbed.hosts.smtp_client import BlockedError, SmtpClient

# Seconds of scenario time to wait for the reply to each command (RFC 5321 §4.5.3.2); mail data has times of its own.
TIMEOUTS_S = {"connect": 300.0, "EHLO": 300.0, "MAIL": 300.0, "RCPT": 300.0, "QUIT": 300.0}

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one recipient, or of a whole session.

    ``code`` is the reply code, 0 when no reply came; ``status`` an RFC 3463 code whose class decides: 2 taken,
    4 try again, 5 give up.
    """

    code: int
    status: str
    text: str

    @property
    def taken(self) -> bool:
        """The next hop has taken responsibility."""
        return self.status.startswith("2")

    @property
    def permanent(self) -> bool:
        """Trying again is pointless."""
        return self.status.startswith("5")

    def __str__(self) -> str:
        return f"{self.code or ''} {self.status} {self.text}".strip()


class HopFailed(Exception):
    """This address could not be used at all; another may."""

    def __init__(self, result: Result) -> None:
        super().__init__(str(result))
        self.result = result


def reply_result(code: int, text: str) -> Result:
    """A server's reply; an unknown code counts by its first digit (RFC 5321 §4.3.2)."""
    text = " ".join(text.split())
    found = _ENHANCED.match(text)
    if found:
        return Result(code, found.group(1), text[found.end() :])
    return Result(code, f"{str(code)[0] if 200 <= code < 600 else 4}.0.0", text)


def failure_result(error: BaseException) -> Result:
    """A failure of the connection, as RFC 3463 words it."""
    cause = error.__cause__ or error
    if isinstance(error, SMTPResponseException) and error.code == SMTPStatus.invalid_response:
        return Result(0, "4.5.0", "what the server said is no SMTP reply")  # as good as a lost connection
    if isinstance(error, SMTPResponseException):
        return reply_result(error.code, error.message)
    if isinstance(cause, ConnectionRefusedError):
        return Result(0, "4.4.1", "connection refused")
    if isinstance(error, SMTPConnectTimeoutError) or isinstance(cause, TimeoutError):
        if isinstance(error, SMTPReadTimeoutError):
            return Result(0, "4.4.2", "no reply within the RFC's time")
        return Result(0, "4.4.1", "no answer to the connection attempt")
    if isinstance(cause, OSError) and not isinstance(cause, ConnectionError):
        return Result(0, "4.4.1", (cause.strerror or str(cause)).lower())
    if isinstance(error, BlockedError):
        return Result(0, "4.4.2", "the server stopped reading the message")
    if isinstance(error, SMTPTimeoutError):
        return Result(0, "4.4.2", "no reply within the RFC's time")
    return Result(0, "4.4.2", "the connection was lost")


class Session:
    """One connection to a server, from greeting to QUIT."""

    def __init__(self, site: Site, address: str, port: int) -> None:
        source = site.source_for(address)
        self._client = SmtpClient(
            site,
            hostname=address,
            port=port,
            local_hostname=site.name,
            source_address=(source, 0) if source else None,
            use_tls=False,
            start_tls=False,
            timeout=TIMEOUTS_S["connect"],
        )

    async def open(self) -> None:
        """Connect and say EHLO (HELO where EHLO is unknown).  Raises HopFailed."""
        try:
            await self._client.connect()
            try:
                await self._client.ehlo(timeout=TIMEOUTS_S["EHLO"])
            except SMTPResponseException as refusal:
                if refusal.code not in (500, 502, 504, 550):
                    raise
                await self._client.helo(timeout=TIMEOUTS_S["EHLO"])
        except (SMTPConnectResponseError, SMTPConnectError, SMTPException, OSError) as error:
            self.drop()
            raise HopFailed(failure_result(error)) from error

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
                response = await self._client.transmit(content)
                results |= dict.fromkeys(accepted, reply_result(response.code, response.message))
        except (SMTPException, OSError) as error:
            verdict = failure_result(error)
            results |= {r: verdict for r in recipients if r not in results}
            if isinstance(error, (SMTPServerDisconnected, SMTPTimeoutError)) or not verdict.code:
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
