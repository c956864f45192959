"""The message that carries an aggregate report, written and read (RFC 9990, Transport by e-mail)."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from email import message_from_bytes
from email.errors import MessageError

from testbed.authentication import report_xml
from testbed.authentication.aggregate_report import Report
from testbed.authentication.report_xml import MAX_OCTETS, Unreadable
from testbed.report_mail import boundary, headed, unpacked

_GZIP = ("application/gzip", "application/x-gzip")
_XML = ("text/xml", "application/xml")


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
    mail = headed(report.contact, to, subject(report), date, report.identifier)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"{report.submitter} tells what it found of mail of {report.published.domain} (DMARC, RFC 9990).\n"
        f"Messages: {report.messages}.\n"
    )
    # No time in the file: the same report is the same message.
    mail.add_attachment(
        gzip.compress(report_xml.written(report), mtime=0),
        maintype="application",
        subtype="gzip",
        filename=file_name(report),
    )
    mail.set_boundary(boundary(report.identifier))
    return mail.as_bytes()


def read(octets: bytes) -> Report:
    """The report a message carries, in the first part that can be one; raises :class:`Unreadable`."""
    try:
        for part in message_from_bytes(octets).walk():
            kind = part.get_content_type()
            if kind in _GZIP or kind in _XML:
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                return report_xml.read(unpacked(content, MAX_OCTETS) if kind in _GZIP else content)
    except (MessageError, RecursionError, ValueError, LookupError) as error:
        raise Unreadable(f"the message cannot be read: {error}") from None
    raise Unreadable(f"no part of the message is {' or '.join((_GZIP[0], _XML[0]))}")
