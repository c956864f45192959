"""Where a notification departs from RFC 3464: the field, what it holds, and what should be there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from testbed.protocols.text import printable

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
"""The part that says what became of mail: as RFC 3464 has it, and with UTF-8 in it (RFC 6533 §3)."""

_CLASSES = {"failed": "45", "delayed": "4", "delivered": "2", "relayed": "2", "expanded": "2"}
"""The actions of RFC 3464 §2.3.3, and the classes of Status (RFC 3463 §2) that go with each."""

_TYPED = re.compile(r"[^\s;()<>@,\"\\]+ *; *\S.*", re.S)
_STATUS = re.compile(r"[245](\.(0|[1-9]\d{0,2})){2}(\s*\(.*\))?", re.S)
_DATE = re.compile(
    r"((Mon|Tue|Wed|Thu|Fri|Sat|Sun), *)?\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d\d:\d\d(:\d\d)? [+-]\d{4}( *\([^()]*\))?",
    re.I,
)
_AGREE = frozenset((("2", "2"), ("4", "4"), ("4", "5"), ("5", "5")))
"""First digits of a reply and of Status: a refusal for now ends in a failure for good, when it is given up."""

_SMTP_CODE = re.compile(r"smtp *; *([2-5])\d\d\b(?: +(5\.\d+\.\d+)\b)?", re.I)

Rule = Callable[[str], str]
"""What should be there in place of a value, ``""`` where it is right."""


def value_of(block: Message, field: str) -> str:
    """What a field holds, on one line; ``""`` where it is missing."""
    return printable(" ".join(str(block.get(field, "")).split()))[:998]


def _typed(kind: str) -> Rule:
    return lambda value: "" if _TYPED.fullmatch(value) else f"a type and a semicolon before it, such as '{kind}; …'"


def _recipient(value: str) -> str:
    kind, semicolon, address = (part.strip() for part in value.partition(";"))
    if not semicolon:
        return f"'rfc822; {value[:80]}', with the type of the address"
    if "@" in address and kind.lower() not in ("rfc822", "utf-8"):
        return f"'rfc822; {address[:80]}': that is the type of Internet addresses"
    if "@" not in address and kind.lower() == "rfc822":
        return "an address with its domain"
    return ""


def _action(value: str) -> str:
    return "" if value.lower() in _CLASSES else f"one of {', '.join(_CLASSES)}"


def _status(value: str) -> str:
    return "" if _STATUS.fullmatch(value) else "three numbers, such as 5.1.1"


def _date(value: str) -> str:
    return "" if _is_date(value) else "a date such as 'Mon, 15 Feb 2021 15:45:20 +0100', with the zone in digits"


def _is_date(value: str) -> bool:
    if not _DATE.fullmatch(value):
        return False
    try:
        return isinstance(parsedate_to_datetime(value), datetime)
    except (ValueError, IndexError, OverflowError):
        return False


_OF_MESSAGE: tuple[tuple[str, str, bool, Rule], ...] = (
    ("Reporting-MTA", "2.2.2", True, _typed("dns")),
    ("DSN-Gateway", "2.2.3", False, _typed("dns")),
    ("Received-From-MTA", "2.2.4", False, _typed("dns")),
    ("Arrival-Date", "2.2.5", False, _date),
)
_OF_RECIPIENT: tuple[tuple[str, str, bool, Rule], ...] = (
    ("Original-Recipient", "2.3.1", False, _recipient),
    ("Final-Recipient", "2.3.2", True, _recipient),
    ("Action", "2.3.3", True, _action),
    ("Status", "2.3.4", True, _status),
    ("Remote-MTA", "2.3.5", False, _typed("dns")),
    ("Diagnostic-Code", "2.3.6", False, _typed("smtp")),
    ("Last-Attempt-Date", "2.3.7", False, _date),
    ("Will-Retry-Until", "2.3.9", False, _date),
)
"""Field, section of RFC 3464, whether it is required, and its rule."""


def wrong_type(message: Message, kinds: Sequence[str]) -> Iterator[str]:
    """What is wrong with the message as a whole; ``kinds`` are the types of its parts."""
    kind, wanted = message.get_content_type(), "multipart/report; report-type=delivery-status"
    if kind != "multipart/report":
        yield f"Content-Type is {kind}, but should be {wanted} (RFC 3464 §2)"
    elif (given := message.get_param("report-type")) is None:
        yield f"Content-Type has no report-type, but should be {wanted} (RFC 3464 §2 (a))"
    elif str(given).lower() != "delivery-status":
        yield f"report-type is '{printable(str(given))[:60]}', but should be delivery-status (RFC 3464 §2 (a))"
    place = next((place for place, one in enumerate(kinds, 1) if one in STATUS_TYPES), None)
    if place is None:
        if kind.startswith("multipart/"):
            yield f"no part is {STATUS_TYPES[0]}, which should be the second (RFC 3464 §2 (c))"
    elif place != 2:
        section = "(b)" if place == 1 else "(c)"
        found = kinds[place - 1]
        yield f"{found} is part {place}, but should be part 2, behind words for people (RFC 3464 §2 {section})"


def wrong_fields(per_message: Message, recipients: Sequence[Message]) -> Iterator[str]:
    """What is wrong with the fields of a delivery status."""
    yield from _wrong(per_message, _OF_MESSAGE)
    if not recipients:
        yield "it names no recipient, but should have Final-Recipient, Action and Status of one (RFC 3464 §2.3)"
    for block in recipients:
        yield from _wrong(block, _OF_RECIPIENT)
        yield from _contradictions(block)


def _wrong(block: Message, rules: Sequence[tuple[str, str, bool, Rule]]) -> Iterator[str]:
    for field, section, required, rule in rules:
        value = value_of(block, field)
        times = len(block.get_all(field, []))
        if not times and required:
            yield f"{field} is missing; it is required (RFC 3464 §{section})"
        elif times > 1:
            yield f"{field} is there {times} times, but should be once (RFC 3464 §{section})"
        elif times and (wanted := rule(value)):
            yield f"{field} is '{value[:100]}', but should be {wanted} (RFC 3464 §{section})"


def _agree(diagnostic: re.Match[str], status: str) -> bool:
    """Whether a reply can end in this Status.

    A client may take a refusal for good, such as a greeting of 554, for one for now; then all but the class stays.  A
    reply that is no refusal, and came where it does not belong, is a matter of the protocol (X.5.x, RFC 3463 §3.6).
    """
    code, enhanced = diagnostic[1], diagnostic[2]
    softened = enhanced is not None and status == f"4{enhanced[1:]}"
    return (code, status[0]) in _AGREE or softened or (code in "23" and status.split(".")[1] == "5")


def _contradictions(block: Message) -> Iterator[str]:
    action, status = value_of(block, "Action").lower(), value_of(block, "Status").partition(" ")[0]
    classes = _CLASSES.get(action, "")
    if classes and not _status(status) and status[0] not in classes:
        wanted = " or ".join(f"{one}.x.x" for one in classes)
        yield f"Status is {status}, but with Action '{action}' it should be {wanted} (RFC 3464 §2.3.3, RFC 3463 §2)"
    diagnostic = _SMTP_CODE.match(value_of(block, "Diagnostic-Code"))
    if diagnostic and not _status(status) and not _agree(diagnostic, status):
        said = value_of(block, "Diagnostic-Code")[:60]
        yield f"Status is {status}, but should be {diagnostic[1]}.x.x as Diagnostic-Code is '{said}' (RFC 3464 §2.3.6)"
    if action in _CLASSES and action != "delayed" and "Will-Retry-Until" in block:
        yield f"Will-Retry-Until is there, but should not be with Action '{action}' (RFC 3464 §2.3.9)"
