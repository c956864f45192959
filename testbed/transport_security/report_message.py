"""The message that carries a TLS report, written and read (RFC 8460 §5.3)."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from email import message_from_bytes
from email.errors import MessageError

from testbed.report_mail import boundary, headed, unpacked
from testbed.transport_security import report_json
from testbed.transport_security.report import Report
from testbed.transport_security.report_json import MAX_OCTETS, Unreadable

GZIP, _JSON = "application/tlsrpt+gzip", "application/tlsrpt+json"

MEDIA_TYPES = (GZIP, _JSON)
"""Of the document (RFC 8460 §5)."""


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
    mail = headed(report.contact, to, subject(report), date, report.identifier)
    mail["TLS-Report-Domain"] = report.domain
    mail["TLS-Report-Submitter"] = report.submitter
    mail["TLS-Required"] = "No"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"{report.submitter} tells how its sessions with\nmail servers of {report.domain} went\n(RFC 8460).\n"
        f"Sessions: {report.sessions}.\n"
    )
    mail.add_attachment(packed(report), maintype="application", subtype="tlsrpt+gzip", filename=file_name(report))
    mail.set_type("multipart/report")
    mail.set_param("report-type", "tlsrpt")
    mail.set_boundary(boundary(report.identifier))
    return mail.as_bytes()


def read(octets: bytes) -> Report:
    """The report a message carries, in the first part that can be one; raises :class:`Unreadable`."""
    try:
        mail = message_from_bytes(octets)
        for part in mail.walk():
            kind = part.get_content_type()
            if kind in MEDIA_TYPES:
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                return read_document(kind, content, str(mail.get("TLS-Report-Domain", "")).strip())
    except (MessageError, RecursionError, ValueError, LookupError) as error:
        raise Unreadable(f"the message cannot be read: {error}") from None
    raise Unreadable(f"no part of the message is {GZIP} or {_JSON}")


def packed(report: Report) -> bytes:
    """The document, packed with gzip; without a time in it, the same report is the same octets."""
    return gzip.compress(report_json.written(report), mtime=0)


def read_document(kind: str, content: bytes, domain: str = "") -> Report:
    """The report about ``domain`` in a document of one of MEDIA_TYPES; raises :class:`Unreadable`."""
    try:
        return report_json.read(unpacked(content, MAX_OCTETS) if kind == GZIP else content, domain)
    except (ValueError, EOFError) as error:
        raise Unreadable(f"the document cannot be unpacked: {error}") from None
