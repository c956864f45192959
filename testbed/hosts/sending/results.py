"""What became of an attempt, as reply codes and RFC 3463 say it."""

from __future__ import annotations

import ssl

from aiosmtplib import SMTPStatus
from aiosmtplib.errors import (
    SMTPConnectTimeoutError,
    SMTPReadTimeoutError,
    SMTPResponseException,
    SMTPTimeoutError,
)
from msgspec import Struct
from msgspec.structs import replace

from testbed.errors import reason
from testbed.hosts.sending.client import BlockedError
from testbed.protocols.status import split_enhanced

TOO_MANY = "4.5.3"


class DeliveryResult(Struct, frozen=True):
    """What became of one recipient, or of a whole session.

    ``code`` is the reply code, 0 when no reply came; ``status`` an RFC 3463 code whose class decides: 2 taken,
    4 try again, 5 give up.  ``said`` is the enhanced code that the server gave, ``""`` for none, and None where no
    server spoke.  ``lost`` tells that the connection ended before the message was handed over: nothing was promised,
    and nothing is in doubt.
    """

    code: int
    status: str
    text: str
    said: str | None = None
    lost: bool = False

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
        """The reply as it came, or what befell us."""
        parts = (str(self.code or ""), self.status if self.said is None else self.said, self.text)
        return " ".join(part for part in parts if part)


class HopFailed(Exception):
    """This address could not be used at all; another may."""

    def __init__(self, result: DeliveryResult) -> None:
        super().__init__(str(result))
        self.result = result


def reply_result(code: int, text: str) -> DeliveryResult:
    """A server's reply.  Its first digit decides, whatever class its enhanced code is of (RFC 5321 §4.2.1, §4.3.2).

    The rest of the enhanced code counts where both refuse, or neither does.
    """
    said, text = split_enhanced(" ".join(text.split()))
    kind = str(code)[0] if code // 100 in (2, 5) else "4"
    agrees = said != "" and (said[0] == "2") == (kind == "2")
    return DeliveryResult(code, f"{kind}.{said[2:] if agrees else '0.0'}", text, said)


def refusal_result(code: int, text: str) -> DeliveryResult:
    """A reply that is not the one asked for: never a success, whatever its first digit."""
    result = reply_result(code, text)
    return replace(result, status="4.5.0") if result.taken else result


def recipient_result(code: int, text: str, *, first: bool) -> DeliveryResult:
    """A refusal of RCPT; ``first`` tells that no recipient has been accepted before it.

    452 means too many recipients; an older server's 552 does too, and is temporary (RFC 5321 §4.5.3.1.10).
    """
    result = refusal_result(code, text)
    unsaid = result.status.endswith(".0.0") and not first
    if code in (452, 552) and (result.status.endswith(".5.3") or unsaid):
        return replace(result, status=TOO_MANY)
    return result


def handshake_result(error: BaseException) -> DeliveryResult:
    """A failure of the TLS handshake (RFC 3463 X.7.5)."""
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DeliveryResult(0, "4.7.5", f"the certificate is not acceptable: {cause.verify_message.rstrip('.')}")
    if isinstance(cause, ssl.SSLError):
        return DeliveryResult(
            0, "4.7.5", f"the TLS handshake failed: {(cause.reason or 'broken off').lower().replace('_', ' ')}"
        )
    if isinstance(error, SMTPTimeoutError):
        return DeliveryResult(0, "4.7.5", "the TLS handshake did not end")
    return DeliveryResult(0, "4.7.5", "the connection was lost in the TLS handshake")


def failure_result(error: BaseException) -> DeliveryResult:
    """A failure of the connection, as RFC 3463 words it."""
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLError):
        return handshake_result(error)
    if isinstance(error, SMTPResponseException) and error.code == SMTPStatus.invalid_response:
        return DeliveryResult(0, "4.5.0", "what the server said is no SMTP reply")  # as good as a lost connection
    if isinstance(error, SMTPResponseException):
        return refusal_result(error.code, error.message)
    if isinstance(cause, ConnectionRefusedError):
        return DeliveryResult(0, "4.4.1", "connection refused")
    if isinstance(error, SMTPConnectTimeoutError) or isinstance(cause, TimeoutError):
        if isinstance(error, SMTPReadTimeoutError) or isinstance(cause, SMTPReadTimeoutError):  # a greeting's
            return DeliveryResult(0, "4.4.2", "no reply within the RFC's time")
        return DeliveryResult(0, "4.4.1", "no answer to the connection attempt")
    if isinstance(cause, OSError) and not isinstance(cause, ConnectionError):
        return DeliveryResult(0, "4.4.1", reason(cause))
    if isinstance(error, BlockedError):
        return DeliveryResult(0, "4.4.2", "the server stopped reading the message")
    if isinstance(error, SMTPTimeoutError):
        return DeliveryResult(0, "4.4.2", "no reply within the RFC's time")
    return DeliveryResult(0, "4.4.2", "the connection was lost")
