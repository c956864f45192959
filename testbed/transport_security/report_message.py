"""The message that carries a TLS report, written and read (RFC 8460 §5.3)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from testbed.transport_security import report_json
from testbed.transport_security.report import Report
from testbed.transport_security.report_json import MAX_OCTETS, Unreadable

_GZIP, _JSON = "application/tlsrpt+gzip", "application/tlsrpt+json"
_HEADER_AND_TRAILER = 16 + zlib.MAX_WBITS  # zlib's word for gzip (RFC 1952)


def file_name(report: Report) -> str:
    """What the attachment is called: client, domain, begin and end (§5.1)."""
    return f"{report.submitter}!{report.domain}!{report.begin}!{report.end}.json.gz"


def subject(report: Report) -> str:
    """The subject, with the id by which duplicates are known."""
    return f"Report Domain: {report.domain} Submitter: {report.submitter} Report-ID: <{report.identifier}>"


def message(report: Report, to: Sequence[str], date: str) -> bytes:
    """The message to all addresses at once, from the report's contact, not signed yet; ``date`` is an RFC 5322 date.

    It asks to be delivered whatever the TLS it tells of is like (§5.3.1; RFC 8689 §5).
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = report.contact
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject(report)
    mail["Date"] = date
    mail["Message-ID"] = f"<{report.identifier}>"
    mail["TLS-Report-Domain"] = report.domain
    mail["TLS-Report-Submitter"] = report.submitter
    mail["TLS-Required"] = "No"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"{report.submitter} tells how its sessions with\nmail servers of {report.domain} went\n(RFC 8460).\n"
        f"Sessions: {report.sessions}.\n"
    )
    # No time in the file, and no boundary drawn by lot: the same report is the same message.
    packed = gzip.compress(report_json.written(report), mtime=0)
    mail.add_attachment(packed, maintype="application", subtype="tlsrpt+gzip", filename=file_name(report))
    mail.set_type("multipart/report")
    mail.set_param("report-type", "tlsrpt")
    mail.set_boundary(f"=_{sha256(report.identifier.encode()).hexdigest()[:32]}")
    return mail.as_bytes()


def read(octets: bytes) -> Report:
    """The report a message carries, in the first part that can be one; raises :class:`Unreadable`."""
    try:
        mail = message_from_bytes(octets)
        for part in mail.walk():
            kind = part.get_content_type()
            if kind in (_GZIP, _JSON):
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                document = _unpacked(content) if kind == _GZIP else content
                return report_json.read(document, str(mail.get("TLS-Report-Domain", "")).strip())
    except (MessageError, RecursionError, ValueError, LookupError) as error:
        raise Unreadable(f"the message cannot be read: {error}") from None
    raise Unreadable(f"no part of the message is {_GZIP} or {_JSON}")


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj(_HEADER_AND_TRAILER)
    try:
        document = unpacking.decompress(packed, MAX_OCTETS + 1)
    except zlib.error as error:
        raise Unreadable(f"the attachment is no gzip file: {error}") from None
    if len(document) <= MAX_OCTETS and not unpacking.eof:
        raise Unreadable("the gzip file ends before its end")
    return document
