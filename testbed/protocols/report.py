"""Reading delivery status notifications (RFC 3464), and what is wrong with their form."""

from __future__ import annotations

from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesParser, HeaderParser

from testbed.protocols.text import printable

_NO_REPORT = "it is no multipart/report with a message/delivery-status (RFC 3464 §2)"
_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What a notification says of one recipient; ``recipient`` and ``original`` without their type."""

    recipient: str
    original: str
    action: str
    status: str


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A notification; ``problems`` are sentences on where it departs from RFC 3464.

    ``reporting`` is the server that tells, ``original_id`` the Message-ID of what it tells of.
    """

    envelope_id: str
    fates: tuple[RecipientStatus, ...]
    problems: tuple[str, ...]
    reporting: str = ""
    original_id: str = ""


def read_report(octets: bytes) -> StatusReport:
    """What the octets of a message say as a notification."""
    message = BytesParser(policy=policy.compat32).parsebytes(octets)
    payload = message.get_payload()
    parts = [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []
    kinds = [part.get_content_type() for part in parts]
    if "message/delivery-status" not in kinds:
        return StatusReport("", (), (_NO_REPORT,))
    status = parts[kinds.index("message/delivery-status")].get_payload()
    blocks = [block for block in status if isinstance(block, Message)] if isinstance(status, list) else []
    per_message, *recipients = blocks or [Message()]
    if message.get_content_type() != "multipart/report":
        problems = [_NO_REPORT]  # as some servers send it; what it says is understood all the same
    else:
        right = message.get_param("report-type") == "delivery-status"
        problems = [] if right else ["report-type is not delivery-status"]
    problems += [] if "Reporting-MTA" in per_message else ["Reporting-MTA is missing (RFC 3464 §2.2.2)"]
    problems += [] if recipients else ["it names no recipient (RFC 3464 §2.3)"]
    for block in recipients:
        for field in ("Final-Recipient", "Action", "Status"):
            problems += [] if field in block else [f"{field} is missing (RFC 3464 §2.3)"]
        action = _value(block, "Action").lower()
        problems += [] if action in _ACTIONS else [f"there is no action '{action[:40]}' (RFC 3464 §2.3.3)"]
    fates = tuple(
        RecipientStatus(
            _address(block, "Final-Recipient"),
            _address(block, "Original-Recipient"),
            _value(block, "Action").lower(),
            _value(block, "Status").partition(" ")[0],
        )
        for block in recipients
    )
    envelope_id, reporting = _value(per_message, "Original-Envelope-Id"), _address(per_message, "Reporting-MTA")
    return StatusReport(envelope_id, fates, tuple(problems), reporting, _original_id(parts, kinds))


def _original_id(parts: list[Message], kinds: list[str]) -> str:
    for part, kind in zip(parts, kinds, strict=True):
        payload = part.get_payload()
        if kind == "message/rfc822" and isinstance(payload, list) and isinstance(payload[0], Message):
            return _value(payload[0], "Message-ID")
        if kind == "text/rfc822-headers" and isinstance(payload, str):
            return _value(HeaderParser().parsestr(payload), "Message-ID")
    return ""


def _value(block: Message, field: str) -> str:
    return printable(" ".join(str(block.get(field, "")).split()))[:998]


def _address(block: Message, field: str) -> str:
    kind, _, address = _value(block, field).partition(";")
    address = address.strip()
    if kind.lower() != "utf-8":
        return address
    pieces = address.split("\\x{")
    return pieces[0] + "".join(_character(piece) for piece in pieces[1:])


def _character(piece: str) -> str:
    """``FC}rgen`` is ``ürgen`` (RFC 6533 §3)."""
    code, _, rest = piece.partition("}")
    try:
        return printable(chr(int(code, 16))) + rest
    except (ValueError, OverflowError):
        return piece
