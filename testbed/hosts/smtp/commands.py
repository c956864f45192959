"""EHLO, MAIL and RCPT with the extensions a host offers (RFC 1870, 2920, 3030, 3461, 6152, 6531).

aiosmtpd knows no parameters of RCPT and none of DSN for MAIL, so these two commands are ours.
"""

from __future__ import annotations

from collections import defaultdict

from aiosmtpd.smtp import SMTP, syntax
from msgspec import Struct, field

from testbed.hosts.envelope import EnvelopeRecipient, EsmtpEnvelope
from testbed.hosts.smtp.message_data import MAX_MESSAGE_OCTETS
from testbed.hosts.streams import OpenStreams
from testbed.protocols.esmtp import EXTENSIONS, BadParameter, chunk_parameters, mail_parameters, rcpt_parameters
from testbed.protocols.path import split_path

_MAX_PATH = 256  # RFC 5321 §4.5.3.1.3
# Octets of a command line with all its parameters (RFC 1870 §3, 3461 §4, 6152 §2, 6531 §3.4, 8689 §2).
_MAX_LINES = {"MAIL": 512 + 26 + 17 + 10 + 117 + 11, "RCPT": 1_000}
_THROUGH_TLS = frozenset({"REQUIRETLS"})


class Terms(Struct, frozen=True):
    """What a server takes and offers.  ``max_message`` is in octets; ``without`` names extensions not offered.

    ``besides`` names some of those that are offered only on request.
    """

    max_message: int = MAX_MESSAGE_OCTETS
    max_recipients: int | None = None
    without: frozenset[str] = field(default_factory=frozenset)
    besides: frozenset[str] = field(default_factory=frozenset)

    @property
    def offered(self) -> frozenset[str]:
        """The extensions offered."""
        return (frozenset(EXTENSIONS) | self.besides) - self.without


class EsmtpCommands(SMTP, OpenStreams):
    """One connection's server side, as far as extensions go."""

    terms: Terms

    def announced(self, lines: list[str]) -> list[str]:
        """The lines of the answer to EHLO, without what is not offered here; the handler asks for them."""
        # Of its own: aiosmtpd keeps them for all connections together, and adds to them at every EHLO.
        self.command_size_limits = defaultdict(lambda: SMTP.command_size_limit, _MAX_LINES)
        besides = [f"250-{word}" for word in sorted(self.terms.besides - self._only_through_tls())]
        whole = [*lines[:-1], *besides, lines[-1]]
        return [line for line in whole if line[4:].partition(" ")[0] not in self.terms.without]

    def _create_envelope(self) -> EsmtpEnvelope:
        return EsmtpEnvelope()

    # No properties here: aiosmtpd looks at every attribute before there is a session.

    def transaction(self) -> EsmtpEnvelope:
        """What the client has said since MAIL."""
        assert isinstance(self.envelope, EsmtpEnvelope)
        return self.envelope

    @syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """MAIL (RFC 5321 §4.1.1.2)."""
        if not (await self.check_helo_needed() or await self.check_auth_needed("MAIL")):
            for line in (await self._mail(arg or "")).split("\r\n"):
                await self.push(line)

    @syntax("RCPT TO: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        """RCPT (RFC 5321 §4.1.1.3)."""
        if not (await self.check_helo_needed() or await self.check_auth_needed("RCPT")):
            await self.push(await self._rcpt(arg or ""))

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802
        """STARTTLS, which is not offered here: an extension's command that is not implemented (RFC 5321 §4.2.4)."""
        await self.push("502 5.5.1 STARTTLS is not offered here")

    async def _mail(self, arg: str) -> str:
        transaction = self.transaction()
        if transaction.mail_from:
            return "503 5.5.1 Nested MAIL command"
        try:
            address, words = _path("FROM", arg)
            parameters = mail_parameters(words, self._offered())
        except BadParameter as refusal:
            return str(refusal)
        if not (address.isascii() or parameters.utf8):
            return "550 5.6.7 Address is not ASCII, and SMTPUTF8 was not asked for"
        if parameters.size is not None and parameters.size > self.terms.max_message:
            return "552 5.3.4 Message too big"
        transaction.parameters, transaction.smtp_utf8 = parameters, parameters.utf8
        return str(await self.event_handler.handle_MAIL(self, self.session, transaction, address, words))

    async def _rcpt(self, arg: str) -> str:
        transaction, most = self.transaction(), self.terms.max_recipients
        if not transaction.mail_from:
            return "503 5.5.1 Need MAIL command"
        if transaction.begun:
            return "503 5.5.1 The message has begun"
        try:
            address, words = _path("TO", arg)
            parameters = rcpt_parameters(words, self._offered())
        except BadParameter as refusal:
            return str(refusal)
        if not (address.isascii() or transaction.parameters.utf8):
            return "553 5.6.7 Address is not ASCII, and SMTPUTF8 was not asked for"
        if most is not None and len(transaction.recipients) >= most:
            return "452 4.5.3 Too many recipients"
        address = self.event_handler.whole_address(address)
        status = str(await self.event_handler.handle_RCPT(self, self.session, transaction, address, words))
        if status.startswith("2"):
            transaction.recipients.append(EnvelopeRecipient(address, parameters))
        return status

    def chunk(self, arg: str) -> tuple[int, bool]:
        """What BDAT says: the octets that follow, and whether they are the last.  Raises BadParameter."""
        if "CHUNKING" not in self._offered():
            raise BadParameter("502 5.5.1 BDAT is not offered here")
        return chunk_parameters(arg)

    def _offered(self) -> frozenset[str]:
        assert self.session is not None
        return self.terms.offered - self._only_through_tls() if self.session.extended_smtp else frozenset()

    def _only_through_tls(self) -> frozenset[str]:
        """What is not offered now, for there is no TLS (RFC 8689 §2)."""
        return frozenset() if self._encrypted() else _THROUGH_TLS

    def _encrypted(self) -> bool:
        return False


def _path(keyword: str, arg: str) -> tuple[str, list[str]]:
    """The address and the words behind it.  Raises BadParameter."""
    found = split_path(keyword, arg)
    if found is None:
        raise BadParameter("553 5.1.3 Malformed address")
    address, words = found
    if address == "":
        raise BadParameter(f"501 5.5.4 Syntax: {keyword}:<address>")
    if len(address.encode("utf-8", "surrogateescape")) > _MAX_PATH:
        raise BadParameter("501 5.5.4 Path too long")
    if not (address + words).isprintable():
        raise BadParameter("501 5.5.4 Not UTF-8")
    return address, words.split()
