"""The message that carries a failure report, written and read (RFC 5965, RFC 6591 §3, RFC 9991 §4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase
from email.policy import SMTP
from typing import TypeVar

from testbed.authentication.failure_report import FailureReport, Method
from testbed.authentication.words import AUTH_FAILURES, DELIVERIES
from testbed.report_mail import boundary

KIND = "message/feedback-report"
_HEADERS = ("text/rfc822-headers", "message/rfc822")
_METHODS: tuple[Method, ...] = ("dkim", "spf")
_RECORD = re.compile(r'\s*(?:txt|spf)\s*:\s*([^\s:]+)\s*:\s*"(.*)"\s*', re.IGNORECASE | re.DOTALL)
_MAX_VALUE = 4_096

Word = TypeVar("Word", bound=str)


class Unreadable(Exception):
    """What is no failure report; says why."""


def message(report: FailureReport, sender: str, to: Sequence[str], date: str, arrived: str, name: str) -> bytes:
    """The message to all addresses at once; the header of the failed message comes with it, and nothing of its body.

    ``date`` and ``arrived`` are RFC 5322 dates, ``name`` is the Message-ID without its brackets.
    """
    mail = Message(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = f"Failure report: {report.domain}, {report.failure} from {report.source}"
    mail["Date"] = date
    mail["Message-ID"] = f"<{name}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["MIME-Version"] = "1.0"
    mail["Content-Type"] = "multipart/report; report-type=feedback-report"
    words = EmailMessage(policy=SMTP)
    words.set_content(
        f"A message of {report.domain}\nfrom {report.source} did not pass\n({report.failure}, RFC 9991).\n"
    )
    mail.attach(words)
    mail.attach(_feedback(report, arrived))
    header = EmailMessage(policy=SMTP)
    encoding = "8bit" if report.header.isascii() else "base64"
    header.set_content(report.header, maintype="text", subtype="rfc822-headers", cte=encoding)
    mail.attach(header)
    mail.set_boundary(boundary(name))
    return mail.as_bytes()


def _feedback(report: FailureReport, arrived: str) -> Message:
    fields = Message(policy=SMTP.clone(max_line_length=0))
    for name, value in _fields(report, arrived):
        if value:
            fields[name] = "".join(c if " " <= c <= "~" else "?" for c in value)[:_MAX_VALUE]
    part = MIMEBase("message", "feedback-report", policy=SMTP)
    part.set_payload([fields])
    return part


def _fields(report: FailureReport, arrived: str) -> Iterator[tuple[str, str]]:
    yield "Feedback-Type", "auth-failure"
    yield "Version", "1"
    yield "User-Agent", "Mail-Testbed/1"
    yield "Auth-Failure", report.failure
    yield "Identity-Alignment", ", ".join(report.unaligned or ()) or "none"
    yield "Delivery-Result", report.delivery
    yield "Authentication-Results", " ".join(report.results.split())
    yield "Original-Mail-From", f"<{report.mail_from}>"
    yield "Arrival-Date", arrived
    yield "Source-IP", report.source
    yield "Reported-Domain", report.domain
    yield "DKIM-Domain", report.dkim_domain
    yield "DKIM-Identity", report.dkim_identity
    yield "DKIM-Selector", report.dkim_selector
    if report.spf_record:
        yield "SPF-DNS", f'txt : {report.spf_domain} : "{report.spf_record}"'


def is_one(octets: bytes) -> bool:
    """Whether a message means to be a report of feedback (RFC 5965 §2)."""
    return message_from_bytes(octets).get_content_type() == "multipart/report" and KIND.encode() in octets.lower()


def read(octets: bytes) -> FailureReport:
    """The report a message carries; raises :class:`Unreadable`."""
    try:
        parts = list(message_from_bytes(octets).walk())
        fields = next((part for part in map(_inner, parts) if part is not None), None)
        if fields is None:
            raise Unreadable(f"no part of the message is {KIND}")
        return _report(fields, _header(parts))
    except (MessageError, RecursionError, ValueError, LookupError) as error:
        raise Unreadable(f"the message cannot be read: {error}") from None


def _inner(part: Message) -> Message | None:
    """The fields of a feedback report, which is a message to who reads mail."""
    if part.get_content_type() != KIND:
        return None
    payload = part.get_payload()
    if isinstance(payload, list):
        return next((one for one in payload if isinstance(one, Message)), None)
    content = part.get_payload(decode=True)
    return message_from_bytes(content) if isinstance(content, bytes) else None


def _header(parts: Sequence[Message]) -> bytes:
    for part in parts:
        if part.get_content_type() == _HEADERS[0]:
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else b""
        if part.get_content_type() == _HEADERS[1] and isinstance(payload := part.get_payload(), list):
            inner = payload[0] if payload else None
            return inner.as_bytes().partition(b"\n\n")[0] + b"\n" if isinstance(inner, Message) else b""
    return b""


def _report(fields: Message, header: bytes) -> FailureReport:
    if (kind := _text(fields, "Feedback-Type").lower()) != "auth-failure":
        raise Unreadable(f"Feedback-Type is '{kind[:40]}', which is none of failed authentication")
    alignment = _text(fields, "Identity-Alignment").lower().replace(" ", "")
    said = alignment.split(",")
    record = _RECORD.fullmatch(_text(fields, "SPF-DNS"))
    return FailureReport(
        _word(fields, "Auth-Failure", AUTH_FAILURES),
        _text(fields, "Reported-Domain"),
        tuple(method for method in _METHODS if method in said) if alignment else None,
        _text(fields, "Authentication-Results"),
        _text(fields, "Source-IP"),
        _word(fields, "Delivery-Result", DELIVERIES, "other"),
        _text(fields, "Original-Mail-From").strip("<>"),
        header,
        _text(fields, "DKIM-Domain"),
        _text(fields, "DKIM-Identity"),
        _text(fields, "DKIM-Selector"),
        record[1] if record is not None else "",
        record[2] if record is not None else "",
    )


def _text(fields: Message, name: str) -> str:
    return " ".join(str(fields.get(name, "")).split())


def _word(fields: Message, name: str, words: Sequence[Word], otherwise: Word | None = None) -> Word:
    text = _text(fields, name).lower()
    for word in words:
        if word == text:
            return word
    if otherwise is not None and not text:
        return otherwise
    raise Unreadable(f"{name} is '{text[:40]}', which is none of {', '.join(words)}")
