"""Delivery status notifications (RFC 3464): the bounce."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase
from email.policy import SMTP


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one recipient got nothing.

    ``status`` is an RFC 3463 code; ``diagnostic`` the remote server's reply as it came, or ``""`` when the
    failure was found here.
    """

    recipient: str
    status: str
    reason: str
    diagnostic: str = ""
    remote: str = ""


def bounce(
    *, reporting: str, sender: str, failures: list[Failure], original: bytes, message_id: str, date: str
) -> bytes:
    """A multipart/report for the sender of a message, from the null path, with the original's header."""
    dsn = Message(policy=SMTP)
    dsn["From"] = f"Mail Delivery System <MAILER-DAEMON@{reporting}>"
    dsn["To"] = sender
    dsn["Subject"] = "Undelivered Mail Returned to Sender"
    dsn["Date"] = date
    dsn["Message-ID"] = message_id
    dsn["Auto-Submitted"] = "auto-replied"
    dsn["MIME-Version"] = "1.0"
    dsn["Content-Type"] = 'multipart/report; report-type="delivery-status"'
    dsn.attach(_explanation(reporting, failures))
    dsn.attach(_status(reporting, failures))
    dsn.attach(_original(original))
    return dsn.as_bytes()


def _explanation(reporting: str, failures: list[Failure]) -> EmailMessage:
    lines = [f"This is the mail server {reporting}.", "", "Your message could not be delivered:", ""]
    for failure in failures:
        said = f" ({failure.remote} said: {failure.diagnostic})" if failure.diagnostic else ""
        lines.append(f"  <{failure.recipient}>: {failure.reason}{said}")
    part = EmailMessage(policy=SMTP)
    part.set_content("\n".join(lines) + "\n")
    return part


def _status(reporting: str, failures: list[Failure]) -> Message:
    per_message = Message(policy=SMTP)
    per_message["Reporting-MTA"] = f"dns; {reporting}"
    blocks: list[Message | str] = [per_message]
    for failure in failures:
        block = Message(policy=SMTP)
        block["Final-Recipient"] = f"rfc822; {failure.recipient}"
        block["Action"] = "failed"
        block["Status"] = failure.status
        if failure.remote:
            block["Remote-MTA"] = f"dns; {failure.remote}"
        if failure.diagnostic:
            block["Diagnostic-Code"] = f"smtp; {failure.diagnostic}"
        blocks.append(block)
    part = MIMEBase("message", "delivery-status", policy=SMTP)
    part.set_payload(blocks)
    return part


def _original(original: bytes) -> EmailMessage:
    head = original.partition(b"\r\n\r\n")[0]
    part = EmailMessage(policy=SMTP)
    part.set_content(head + b"\r\n", maintype="text", subtype="rfc822-headers", cte="8bit")
    return part
