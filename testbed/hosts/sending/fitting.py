"""A message made fit for what the next hop offers, before it is sent (RFC 1870 §6.1, 6152 §3, 6531 §3.2, 8689 §4)."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.sending.conversion import has_utf8_header, is_eight_bit, to_seven_bit


class Offer(Struct, frozen=True):
    """What a server's reply to EHLO offers.  ``max_message`` is in octets, 0 where no limit is named."""

    extensions: frozenset[str]
    max_message: int = 0


class Fitted(Struct, frozen=True):
    """What can be sent, and the status and reason of each recipient to whom it cannot."""

    envelope: Envelope
    content: bytes
    refused: dict[str, tuple[str, str]]


def fit(envelope: Envelope, content: bytes, offer: Offer) -> Fitted:
    """The envelope and content as this server can take them."""
    refused: dict[str, tuple[str, str]] = {}
    utf8 = _needs_utf8(envelope, content, refused, offered="SMTPUTF8" in offer.extensions)
    body = ""
    if is_eight_bit(content) and len(refused) < len(envelope.recipients):
        if "8BITMIME" in offer.extensions:
            body = "8BITMIME"
        else:
            converted = to_seven_bit(content)
            if converted is None:
                _refuse(refused, envelope.recipients, "5.6.3", "8BITMIME is not offered, and this cannot be converted")
            content = converted or content
    if envelope.parameters.require_tls and "REQUIRETLS" not in offer.extensions:
        _refuse(refused, envelope.recipients, "5.7.30", "the sender requires TLS, and REQUIRETLS is not offered")
    if 0 < offer.max_message < len(content):
        reason = f"{len(content)} octets are more than the {offer.max_message} the server takes"
        _refuse(refused, envelope.recipients, "5.3.4", reason)
    recipients = tuple(to for to in envelope.recipients if to.address not in refused)
    parameters = replace(envelope.parameters, size=len(content), body=body, utf8=utf8)
    return Fitted(Envelope(envelope.sender, recipients, parameters), content, refused)


def _needs_utf8(envelope: Envelope, content: bytes, refused: dict[str, tuple[str, str]], *, offered: bool) -> bool:
    """Whether SMTPUTF8 is needed; where it is not offered, whoever needs it is refused."""
    whole = not envelope.sender.isascii() or has_utf8_header(content)
    needing = tuple(to for to in envelope.recipients if whole or not to.address.isascii())
    if needing and not offered:
        _refuse(refused, needing, "5.6.7", "an address or header is not ASCII, and SMTPUTF8 is not offered")
    return bool(needing) and offered


def _refuse(
    refused: dict[str, tuple[str, str]], recipients: tuple[EnvelopeRecipient, ...], status: str, reason: str
) -> None:
    for recipient in recipients:
        refused.setdefault(recipient.address, (status, reason))
