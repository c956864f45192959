"""Reading delivery status notifications (RFC 3464), and what is wrong with their form."""

from __future__ import annotations

import re
from email import policy
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.utils import getaddresses

from msgspec import Struct

from testbed.protocols.report_form import STATUS_TYPES, value_of, wrong_fields, wrong_type
from testbed.protocols.text import printable

# Reports that tell nobody of the fate of a message of theirs: RFC 6522 is for more than notifications.
_OF_OTHER_THINGS = frozenset(("feedback-report", "tlsrpt", "disposition-notification"))
_ORIGINALS = frozenset(("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"))


class RecipientStatus(Struct, frozen=True):
    """What a notification says of one recipient; ``recipient`` and ``original`` without their type."""

    recipient: str
    original: str
    action: str
    status: str


class StatusReport(Struct, frozen=True):
    """A notification; ``problems`` are sentences on where it departs from RFC 3464.

    ``reporting`` is the server that tells, ``original_id`` the Message-ID of what it tells of.  ``tells`` is whether
    it means to be a notification, ``returns`` whether any of the original comes back, ``to`` are the addresses of To.
    """

    envelope_id: str
    fates: tuple[RecipientStatus, ...]
    problems: tuple[str, ...]
    reporting: str = ""
    original_id: str = ""
    tells: bool = False
    returns: bool = False
    to: tuple[str, ...] = ()


def read_report(octets: bytes) -> StatusReport:
    """What the octets of a message say as a notification."""
    message = BytesParser(policy=policy.compat32).parsebytes(octets)
    payload = message.get_payload()
    parts = [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []
    kinds = [part.get_content_type() for part in parts]
    to = tuple(address for _, address in getaddresses([value_of(message, "To")]) if address)
    place = next((place for place, kind in enumerate(kinds) if kind in STATUS_TYPES), None)
    if place is None:
        told = message.get_content_type() == "multipart/report" and _report_type(message) not in _OF_OTHER_THINGS
        return StatusReport("", (), tuple(wrong_type(message, kinds)), tells=told, to=to)
    per_message, *recipients = _blocks(parts[place]) or [Message()]
    if per_message and not recipients and "Final-Recipient" in per_message:
        per_message, recipients = Message(), [per_message]
    problems = (*wrong_type(message, kinds), *wrong_fields(per_message, recipients))
    fates = tuple(
        RecipientStatus(
            _address(block, "Final-Recipient"),
            _address(block, "Original-Recipient"),
            value_of(block, "Action").lower(),
            value_of(block, "Status").partition(" ")[0],
        )
        for block in recipients
    )
    envelope_id, reporting = value_of(per_message, "Original-Envelope-Id"), _address(per_message, "Reporting-MTA")
    returns = bool(_ORIGINALS.intersection(kinds))
    return StatusReport(envelope_id, fates, problems, reporting, _original_id(parts, kinds), True, returns, to)


def _report_type(message: Message) -> str:
    return str(message.get_param("report-type", "")).lower()


def _blocks(part: Message) -> list[Message]:
    """The groups of fields of a delivery status, whose UTF-8 form may be encoded (RFC 6533 §3)."""
    found = part.get_payload()
    inner = [one for one in found if isinstance(one, Message)] if isinstance(found, list) else []
    if part.get_content_type() == STATUS_TYPES[0] or not inner:
        return inner
    encoded = Message()
    encoded["Content-Transfer-Encoding"] = str(part.get("Content-Transfer-Encoding", "8bit"))
    encoded.set_payload(inner[0].as_bytes().lstrip(b"\n").decode("ascii", "surrogateescape"))
    octets = encoded.get_payload(decode=True)
    text = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else ""
    groups = re.split(r"\r?\n[ \t]*\r?\n", text.strip())
    return [HeaderParser().parsestr(group) for group in groups if group]


def _original_id(parts: list[Message], kinds: list[str]) -> str:
    for part, kind in zip(parts, kinds, strict=True):
        payload = part.get_payload()
        if (
            kind in ("message/rfc822", "message/global")
            and isinstance(payload, list)
            and isinstance(payload[0], Message)
        ):
            return value_of(payload[0], "Message-ID")
        if kind == "text/rfc822-headers" and isinstance(payload, str):
            return value_of(HeaderParser().parsestr(payload), "Message-ID")
        if kind == "message/global-headers" and isinstance(payload, list) and isinstance(payload[0], Message):
            return value_of(payload[0], "Message-ID")
    return ""


def _address(block: Message, field: str) -> str:
    kind, semicolon, address = (part.strip() for part in value_of(block, field).partition(";"))
    if not semicolon:
        return kind
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
