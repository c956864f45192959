"""The message that carries an aggregate report, written and read (RFC 9990, Transport by e-mail)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from testbed.authentication import report_xml
from testbed.authentication.aggregate_report import Report
from testbed.authentication.report_xml import MAX_OCTETS, Unreadable

_GZIP = ("application/gzip", "application/x-gzip")
_XML = ("text/xml", "application/xml")
_HEADER_AND_TRAILER = 16 + zlib.MAX_WBITS  # zlib's word for gzip (RFC 1952)


def file_name(report: Report) -> str:
    """What the attachment is called: receiver, policy domain, begin and end."""
    return f"{report.submitter}!{report.published.domain}!{report.begin}!{report.end}.xml.gz"


def subject(report: Report) -> str:
    """The subject, with the Report-ID by which duplicates are known."""
    return f"Report Domain: {report.published.domain} Submitter: {report.submitter} Report-ID: <{report.identifier}>"


def message(report: Report, to: Sequence[str], date: str) -> bytes:
    """The message to all addresses at once, from the report's contact; ``date`` is an RFC 5322 date.

    Its Message-ID is the Report-ID.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = report.contact
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject(report)
    mail["Date"] = date
    mail["Message-ID"] = f"<{report.identifier}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"{report.submitter} tells what it found of mail of {report.published.domain} (DMARC, RFC 9990).\n"
        f"Messages: {report.messages}.\n"
    )
    # No time in the file, and no boundary drawn by lot: the same report is the same message.
    mail.add_attachment(
        gzip.compress(report_xml.written(report), mtime=0),
        maintype="application",
        subtype="gzip",
        filename=file_name(report),
    )
    mail.set_boundary(f"=_{sha256(report.identifier.encode()).hexdigest()[:32]}")
    return mail.as_bytes()


def read(octets: bytes) -> Report:
    """The report a message carries, in the first part that can be one; raises :class:`Unreadable`."""
    try:
        for part in message_from_bytes(octets).walk():
            kind = part.get_content_type()
            if kind in _GZIP or kind in _XML:
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                return report_xml.read(_unpacked(content) if kind in _GZIP else content)
    except (MessageError, RecursionError, ValueError, LookupError) as error:
        raise Unreadable(f"the message cannot be read: {error}") from None
    raise Unreadable(f"no part of the message is {' or '.join((_GZIP[0], _XML[0]))}")


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj(_HEADER_AND_TRAILER)
    try:
        document = unpacking.decompress(packed, MAX_OCTETS + 1)
    except zlib.error as error:
        raise Unreadable(f"the attachment is no gzip file: {error}") from None
    if len(document) <= MAX_OCTETS and not unpacking.eof:
        raise Unreadable("the gzip file ends before its end")
    return document
