"""The client side of a relay: one SMTP session with one address of one next hop (RFC 5321 §3.3, §4.2)."""

from __future__ import annotations

from aiosmtplib.email import quote_address
from aiosmtplib.errors import (
    SMTPException,
    SMTPRecipientRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)
from msgspec.structs import replace

from testbed.hosts.envelope import Envelope
from testbed.hosts.sending.client import FINAL_DOT_S, INVITATION_S, Heard, SmtpClient
from testbed.hosts.sending.demanded_tls import Demanded, demanded_tls, log_decision, not_offered, refused
from testbed.hosts.sending.fitting import Offer, fit
from testbed.hosts.sending.lmtp import LmtpClient
from testbed.hosts.sending.pipelining import LONE_DOT, Answer, Pipeline
from testbed.hosts.sending.results import (
    DeliveryResult,
    HopFailed,
    failure_result,
    recipient_result,
    refusal_result,
    reply_result,
)
from testbed.hosts.sending.security import TlsUnavailable, connected_socket, log_in, start_tls
from testbed.hosts.sending.wanted_security import IN_CLEAR, Security
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.esmtp import mail_words, rcpt_words

__all__ = ["DeliveryResult", "DeliverySession", "HopFailed", "failure_result", "reply_result"]

# Seconds of scenario time to wait for the reply to each command (RFC 5321 §4.5.3.2); mail data has times of its own.
TIMEOUTS_S = {"connect": 300.0, "EHLO": 300.0, "MAIL": 300.0, "RCPT": 300.0, "RSET": 300.0, "QUIT": 300.0}

_CLOSING = 421  # RFC 5321 §3.8


class DeliverySession:
    """One connection to a server, from greeting to QUIT."""

    def __init__(
        self,
        site: Site,
        address: str,
        port: int,
        security: Security = IN_CLEAR,
        *,
        pipelining: bool | None = None,
        lmtp: bool = False,
    ) -> None:
        """``pipelining`` where it is offered: always, never, or (None) for more than one recipient.

        ``lmtp`` tells that LMTP is spoken (RFC 2033), which answers a message once for each recipient.
        """
        self._site = site
        self._address = address
        self._port = port
        self._security = security
        self._pipelining = pipelining
        self._lmtp = lmtp
        self._told_to_go = False
        self._idle: Pipeline | None = None
        self.messages = 0
        self._client = self._new_client()

    def _new_client(self) -> SmtpClient:
        source = self._site.source_for(self._address)
        return (LmtpClient if self._lmtp else SmtpClient)(
            self._site,
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
        if wanted.demanded is not None:
            await self._secure_as(wanted.demanded)
            return
        if wanted.tls == "none":
            return
        try:
            await start_tls(self._client, tls, wanted.server, checks=wanted.tls == "required")
        except TlsUnavailable as failed:
            if wanted.tls == "required":
                raise HopFailed(failed.result) from failed
            await self._go_on_in_clear(str(failed.result))
        else:
            await self._greet()  # what was said before TLS counts no more (RFC 3207 §4.2)

    async def _secure_as(self, demanded: Demanded) -> None:
        decision = await demanded_tls(self._client, self._site, self._security.server, demanded)
        log_decision(self._site, demanded, self._security.server, self._address, decision)
        if decision.deed == "wait":
            raise refused(demanded, decision)
        if decision.deed == "send-in-clear":
            await self._go_on_in_clear(decision.why)
        else:
            await self._greet()
        if demanded.requiretls and "REQUIRETLS" not in self.offer.extensions:
            raise not_offered(self._security.server)

    async def _connect_in_tls(self) -> None:
        if self._site.tls is None:
            raise HopFailed(DeliveryResult(0, "4.7.4", "there is no TLS in this lab"))
        source = self._site.source_for(self._address)
        self._client.hostname = self._security.server  # the name the certificate is for
        await self._client.connect(
            sock=await connected_socket(self._address, self._port, source, TIMEOUTS_S["connect"]),
            port=None,
            source_address=None,
            use_tls=True,
            tls_context=self._site.tls.authority.client(checks=True),
        )

    async def _go_on_in_clear(self, reason: str) -> None:
        self._site.log(
            events.InClear(next_hop=self._security.server, status=reason),
            f"goes on with {self._security.server} in clear: {reason}",
        )
        if not self._client.is_connected:
            self.drop()
            self._client = self._new_client()
            await self._client.connect()
            await self._greet()

    async def _greet(self) -> None:
        await self._client.begin_session(TIMEOUTS_S["EHLO"])

    @property
    def offer(self) -> Offer:
        """What the server offers; nothing after HELO."""
        extensions = self._client.esmtp_extensions
        limit = extensions.get("size", "")
        return Offer(frozenset(map(str.upper, extensions)), int(limit) if limit.isdecimal() and limit.isascii() else 0)

    async def send(self, envelope: Envelope, content: bytes) -> dict[str, DeliveryResult]:
        """Hand a message over; every recipient gets a result, whatever happens to the connection.

        Recipients who were only too many for one transaction follow in the next (RFC 5321 §4.5.3.1.10).
        """
        self.messages += 1
        fitted = fit(envelope, content, self.offer)
        results = {address: DeliveryResult(0, *why) for address, why in fitted.refused.items()}
        rest = fitted.envelope
        while rest.recipients:
            found = await self._transact(rest, fitted.content)
            results |= found
            if not any(result.taken for result in found.values()):
                break
            rest = replace(rest, recipients=tuple(to for to in rest.recipients if found[to.address].too_many))
        return results

    async def _transact(self, envelope: Envelope, content: bytes) -> dict[str, DeliveryResult]:
        """One mail transaction."""
        results: dict[str, DeliveryResult] = {}
        in_one_go = self._pipelining if self._pipelining is not None else len(envelope.recipients) > 1
        in_one_go = in_one_go and "PIPELINING" in self.offer.extensions and not self._client.misbehaves
        transact = self._in_one_go if in_one_go else self._step_by_step
        self._client.handed_over = False
        try:
            await transact(envelope, content, results)
        except (SMTPException, OSError) as error:
            verdict = failure_result(error)
            results |= {address: verdict for address in envelope.addresses if address not in results}
            if isinstance(error, (SMTPServerDisconnected, SMTPTimeoutError)) or not verdict.code:
                self.drop()
        self._told_to_go = self._told_to_go or any(result.code == _CLOSING for result in results.values())
        if self._client.handed_over or (self._client.is_connected and not self._told_to_go):
            return results
        return {to: replace(one, lost=one.code in (0, _CLOSING)) for to, one in results.items()}

    async def _step_by_step(self, envelope: Envelope, content: bytes, results: dict[str, DeliveryResult]) -> None:
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
            await self._client.transmit(content, *self._settles(accepted, results))

    def _settles(self, accepted: list[str], results: dict[str, DeliveryResult]) -> tuple[Heard, int]:
        """What the next reply to the message says of whom, and how many replies there will be."""
        waiting = [[address] for address in accepted] if self._lmtp else [accepted]

        def heard(answer: Answer) -> None:
            results.update(dict.fromkeys(waiting.pop(0), reply_result(*answer)))

        return heard, len(waiting)

    async def _in_one_go(self, envelope: Envelope, content: bytes, results: dict[str, DeliveryResult]) -> None:
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
        if not invited:
            results |= dict.fromkeys(accepted, refusal_result(*answer))
        elif accepted:
            await self._client.transmit_invited(content, *self._settles(accepted, results))

    async def rest(self) -> bool:
        """Get ready for another message, and hear what the server says until then; whether it may be sent here.

        A transaction that was begun and not ended is reset (RFC 5321 §4.1.1.5).
        """
        client = self._client
        if not client.is_connected or client.in_message or client.told_more or self._told_to_go:
            return False
        try:
            if not client.handed_over:
                await client.rset(timeout=TIMEOUTS_S["RSET"])
            self._idle = Pipeline(client)
            self._idle.take_over()
        except (SMTPException, OSError):
            return False
        return True

    def wake(self) -> bool:
        """Whether the server has neither said anything nor closed the connection while it rested."""
        if self._idle is None:
            return False
        idle, self._idle = self._idle, None
        idle.give_back()
        return idle.silent and self._client.is_connected

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
