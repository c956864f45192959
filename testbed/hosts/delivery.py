"""The client side of a relay: one SMTP session with one address of one next hop (RFC 5321 §3.3, §4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from aiosmtplib import SMTPStatus
from aiosmtplib.email import quote_address
from aiosmtplib.errors import (
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPConnectTimeoutError,
    SMTPException,
    SMTPReadTimeoutError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from testbed.hosts.envelope import Envelope
from testbed.hosts.fitting import Offer, fit
from testbed.hosts.pipelining import LONE_DOT, Pipeline
from testbed.hosts.site import Site
from testbed.hosts.smtp_client import FINAL_DOT_S, INVITATION_S, BlockedError, SmtpClient
from testbed.protocols.esmtp import mail_words, rcpt_words

# Seconds of scenario time to wait for the reply to each command (RFC 5321 §4.5.3.2); mail data has times of its own.
TIMEOUTS_S = {"connect": 300.0, "EHLO": 300.0, "MAIL": 300.0, "RCPT": 300.0, "QUIT": 300.0}

TOO_MANY = "4.5.3"

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

    @property
    def too_many(self) -> bool:
        """The recipient was one too many for this transaction, and nothing else is wrong with it."""
        return self.status == TOO_MANY

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


def refusal_result(code: int, text: str) -> Result:
    """A reply that is not the one asked for: never a success, whatever its first digit."""
    result = reply_result(code, text)
    return replace(result, status="4.5.0") if result.taken else result


def recipient_result(code: int, text: str, *, first: bool) -> Result:
    """A refusal of RCPT; ``first`` tells that no recipient has been accepted before it.

    452 means too many recipients; an older server's 552 does too, and is temporary (RFC 5321 §4.5.3.1.10).
    """
    result = refusal_result(code, text)
    unsaid = result.status.endswith(".0.0") and not first
    if code in (452, 552) and (result.status.endswith(".5.3") or unsaid):
        return replace(result, status=TOO_MANY)
    return result


def failure_result(error: BaseException) -> Result:
    """A failure of the connection, as RFC 3463 words it."""
    cause = error.__cause__ or error
    if isinstance(error, SMTPResponseException) and error.code == SMTPStatus.invalid_response:
        return Result(0, "4.5.0", "what the server said is no SMTP reply")  # as good as a lost connection
    if isinstance(error, SMTPResponseException):
        return refusal_result(error.code, error.message)
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

    def __init__(self, site: Site, address: str, port: int, *, pipelining: bool | None = None) -> None:
        """``pipelining`` where it is offered: always, never, or (None) for more than one recipient."""
        self._pipelining = pipelining
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

    @property
    def offer(self) -> Offer:
        """What the server offers; nothing after HELO."""
        extensions = self._client.esmtp_extensions
        limit = extensions.get("size", "")
        return Offer(frozenset(map(str.upper, extensions)), int(limit) if limit.isdecimal() and limit.isascii() else 0)

    async def send(self, envelope: Envelope, content: bytes) -> dict[str, Result]:
        """Hand a message over; every recipient gets a result, whatever happens to the connection.

        Recipients who were only too many for one transaction follow in the next (RFC 5321 §4.5.3.1.10).
        """
        fitted = fit(envelope, content, self.offer)
        results = {address: Result(0, *why) for address, why in fitted.refused.items()}
        rest = fitted.envelope
        while rest.recipients:
            found = await self._transact(rest, fitted.content)
            results |= found
            if not any(result.taken for result in found.values()):
                break
            rest = replace(rest, recipients=tuple(to for to in rest.recipients if found[to.address].too_many))
        return results

    async def _transact(self, envelope: Envelope, content: bytes) -> dict[str, Result]:
        """One mail transaction."""
        results: dict[str, Result] = {}
        in_one_go = self._pipelining if self._pipelining is not None else len(envelope.recipients) > 1
        in_one_go = in_one_go and "PIPELINING" in self.offer.extensions and not self._client.misbehaves
        transact = self._in_one_go if in_one_go else self._step_by_step
        try:
            await transact(envelope, content, results)
        except (SMTPException, OSError) as error:
            verdict = failure_result(error)
            results |= {address: verdict for address in envelope.addresses if address not in results}
            if isinstance(error, (SMTPServerDisconnected, SMTPTimeoutError)) or not verdict.code:
                self.drop()
        return results

    async def _step_by_step(self, envelope: Envelope, content: bytes, results: dict[str, Result]) -> None:
        """Wait for the reply to each command.  Raises SMTPException."""
        offered = self.offer.extensions
        options = mail_words(envelope.parameters, offered)
        try:
            await self._client.mail(envelope.sender, options=options, encoding="utf-8", timeout=TIMEOUTS_S["MAIL"])
        except SMTPSenderRefused as refusal:
            results |= dict.fromkeys(envelope.addresses, refusal_result(refusal.code, refusal.message))
            return
        accepted: list[str] = []
        for to in envelope.recipients:
            try:
                options = rcpt_words(to.parameters, offered)
                await self._client.rcpt(to.address, options=options, encoding="utf-8", timeout=TIMEOUTS_S["RCPT"])
            except SMTPRecipientRefused as refusal:
                results[to.address] = recipient_result(refusal.code, refusal.message, first=not accepted)
            else:
                accepted.append(to.address)
        if accepted:
            response = await self._client.transmit(content)
            results |= dict.fromkeys(accepted, reply_result(response.code, response.message))

    async def _in_one_go(self, envelope: Envelope, content: bytes, results: dict[str, Result]) -> None:
        """Send all commands before the first reply (RFC 2920).  Raises SMTPException."""
        offered = self.offer.extensions
        mail = " ".join([f"MAIL FROM:{quote_address(envelope.sender)}", *mail_words(envelope.parameters, offered)])
        rcpts = [
            " ".join([f"RCPT TO:{quote_address(to.address)}", *rcpt_words(to.parameters, offered)]).encode()
            for to in envelope.recipients
        ]
        with Pipeline(self._client) as pipeline:
            pipeline.write(b"\r\n".join([mail.encode(), *rcpts, b"DATA", b""]))
            answer = await pipeline.reply(TIMEOUTS_S["MAIL"])
            if answer[0] != 250:
                results |= dict.fromkeys(envelope.addresses, refusal_result(*answer))
            accepted: list[str] = []
            for to in envelope.recipients:
                answer = await pipeline.reply(TIMEOUTS_S["RCPT"])
                if to.address in results:
                    continue
                if answer[0] in (250, 251):
                    accepted.append(to.address)
                else:
                    results[to.address] = recipient_result(*answer, first=not accepted)
            answer = await pipeline.reply(INVITATION_S)
            invited = answer[0] == 354
            if invited and not accepted:
                # There is nothing to deliver, and the server waits all the same (RFC 2920 §3.1).
                pipeline.write(LONE_DOT)
                await pipeline.reply(FINAL_DOT_S)
        if invited and accepted:
            response = await self._client.transmit_invited(content)
            answer = response.code, response.message
        results |= dict.fromkeys(accepted, reply_result(*answer) if invited else refusal_result(*answer))

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
