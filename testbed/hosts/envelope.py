"""The envelope of a message as mail hosts pass it on: who sent it, to whom, and with which parameters."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from aiosmtpd.smtp import Envelope as ServerEnvelope
from msgspec import Struct, field

from testbed.protocols.esmtp import MailParameters, RcptParameters

if TYPE_CHECKING:
    from testbed.authentication.lookup import KnownAnswers


class EnvelopeRecipient(Struct, frozen=True):
    """A forward-path and what RCPT said of it."""

    address: str
    parameters: RcptParameters = field(default_factory=RcptParameters)


class Checked(Struct, frozen=True):
    """What becomes of a message by the checks of who it is from.

    ``reply`` refuses it, or is ``""``; ``field`` is to stand on top of it, ``forged`` are the fields to be taken out.
    """

    reply: str = ""
    junk: bool = False
    field: bytes = b""
    forged: tuple[bytes, ...] = ()

    def applied(self, content: bytes) -> bytes:
        """The message as it goes on."""
        for octets in self.forged:
            content = content.replace(octets, b"", 1)
        return self.field + content


class Envelope(Struct, frozen=True):
    """``sender`` is the reverse-path, ``""`` for the null path (RFC 5321 §4.5.5).

    ``return_path`` is what the next hop is told in its place, where that is another.
    """

    sender: str
    recipients: tuple[EnvelopeRecipient, ...]
    parameters: MailParameters = field(default_factory=MailParameters)
    return_path: str | None = None

    @property
    def addresses(self) -> list[str]:
        """The recipients' addresses."""
        return [recipient.address for recipient in self.recipients]


def envelope_to(sender: str, *addresses: str) -> Envelope:
    """An envelope without any parameters."""
    return Envelope(sender, tuple(EnvelopeRecipient(address) for address in addresses))


class EsmtpEnvelope(ServerEnvelope):
    """What a server collects between MAIL and the end of the message: aiosmtpd's envelope, and the parameters.

    ``begun`` tells that a first chunk has come, ``by_lmtp`` that LMTP has brought it.  ``verdict`` is what checks of
    who it is from have found.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parameters = MailParameters()
        self.recipients: list[EnvelopeRecipient] = []
        self.begun = False
        self.by_lmtp = False
        self.verdict: Checked | None = None
        self.answers: KnownAnswers | None = None

    @property
    def sender(self) -> str:
        """The reverse-path, ``""`` for the null path; aiosmtpd keeps that one as ``<>``."""
        return "" if self.mail_from in (None, "<>") else str(self.mail_from)

    def envelope(self) -> Envelope:
        """The envelope as it was received."""
        return Envelope(self.sender, tuple(self.recipients), self.parameters)

    def only(self, recipient: EnvelopeRecipient) -> EsmtpEnvelope:
        """The same for one of its recipients."""
        one = copy(self)
        one.recipients, one.rcpt_tos = [recipient], [recipient.address]
        return one
