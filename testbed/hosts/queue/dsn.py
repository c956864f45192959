"""Delivery status notifications (RFC 3464, 3461 §6): the octets of one."""

from __future__ import annotations

import re
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase
from email.policy import SMTP, SMTPUTF8
from typing import Literal

from msgspec import Struct

from testbed.hosts.sending.conversion import to_seven_bit

Action = Literal["failed", "delayed", "delivered", "relayed"]

_BARE_LF = re.compile(rb"(?<!\r)\n")
_SUBJECTS: dict[str, str] = {
    "failed": "Undelivered Mail Returned to Sender",
    "delayed": "Your message is delayed",
    "delivered": "Your message was delivered",
    "relayed": "Your message was relayed",
}
_SENTENCES: dict[str, str] = {
    "failed": "Your message could not be delivered:",
    "delayed": "Your message could not be delivered yet.  You need not send it again; it is tried further:",
    "delivered": "Your message lies in the mailbox:",
    "relayed": "Your message was handed to a server that does not tell what becomes of it:",
}


class Report(Struct, frozen=True):
    """What there is to tell of one recipient.

    ``status`` is an RFC 3463 code; ``diagnostic`` the remote server's reply as it came, or ``""`` when the
    fate was decided here; ``orcpt`` the original recipient as RCPT named it; ``retry_until`` an RFC 5322 date.
    """

    recipient: str
    status: str
    reason: str
    diagnostic: str = ""
    remote: str = ""
    orcpt: str = ""
    retry_until: str = ""


class Original(Struct, frozen=True):
    """The message that is told of.  ``arrived`` is an RFC 5322 date, ``whole`` asks for all of it to come back."""

    sender: str
    content: bytes
    arrived: str = ""
    envid: str = ""
    whole: bool = False


def notification(
    action: Action, *, reporting: str, original: Original, reports: list[Report], message_id: str, date: str
) -> bytes:
    """A multipart/report for the sender of a message, from the null path.  ``date`` is now, an RFC 5322 date."""
    policy = SMTP if original.sender.isascii() else SMTPUTF8
    dsn = Message(policy=policy)
    dsn["From"] = f"Mail Delivery System <MAILER-DAEMON@{reporting}>"
    dsn["To"] = original.sender
    dsn["Subject"] = _SUBJECTS[action]
    dsn["Date"] = date
    dsn["Message-ID"] = message_id
    dsn["Auto-Submitted"] = "auto-replied"
    dsn["MIME-Version"] = "1.0"
    dsn["Content-Type"] = 'multipart/report; report-type="delivery-status"'
    dsn.attach(_explanation(action, reporting, reports))
    dsn.attach(_status(action, reporting, original, reports, date))
    dsn.attach(_returned(original, whole=original.whole and action == "failed"))
    # The standard library ends the lines of an encoded message/* with a bare LF.  Whoever sends on would mend that, and
    # break a signature over it.
    return _BARE_LF.sub(b"\r\n", dsn.as_bytes())


def typed_address(address: str) -> str:
    """``rfc822; bob@x``, or for an address that is not ASCII its type and form in ASCII (RFC 6533 §3)."""
    if address.isascii():
        return f"rfc822; {address}"
    return "utf-8; " + "".join(c if c.isascii() else f"\\x{{{ord(c):X}}}" for c in address)


def _explanation(action: Action, reporting: str, reports: list[Report]) -> EmailMessage:
    lines = [f"This is the mail server {reporting}.", "", _SENTENCES[action], ""]
    for report in reports:
        said = f" ({report.remote} said: {report.diagnostic})" if report.diagnostic else ""
        lines.append(f"  <{report.recipient}>: {report.reason}{said}")
    part = EmailMessage(policy=SMTP)
    part.set_content("\n".join(lines) + "\n")
    return part


def _status(action: Action, reporting: str, original: Original, reports: list[Report], date: str) -> Message:
    per_message = Message(policy=SMTP)
    if original.envid:
        per_message["Original-Envelope-Id"] = original.envid
    per_message["Reporting-MTA"] = f"dns; {reporting}"
    if original.arrived:
        per_message["Arrival-Date"] = original.arrived
    blocks: list[Message | str] = [per_message, *(_recipient(action, report, date) for report in reports)]
    part = MIMEBase("message", "delivery-status", policy=SMTP)
    part.set_payload(blocks)
    return part


def _recipient(action: Action, report: Report, date: str) -> Message:
    block = Message(policy=SMTP)
    if report.orcpt:
        kind, _, address = report.orcpt.partition(";")
        block["Original-Recipient"] = f"{kind}; {address}" if address.isascii() else typed_address(address)
    block["Final-Recipient"] = typed_address(report.recipient)
    block["Action"] = action
    block["Status"] = report.status
    if report.remote:
        block["Remote-MTA"] = f"dns; {report.remote}"
    if report.diagnostic:
        block["Diagnostic-Code"] = f"smtp; {report.diagnostic}"
    if action in ("failed", "delayed"):
        block["Last-Attempt-Date"] = date
    if report.retry_until:
        block["Will-Retry-Until"] = report.retry_until
    return block


def _returned(original: Original, *, whole: bool) -> EmailMessage:
    """What comes back, in ASCII; the types for what is not may be encoded as they are (RFC 6533 §4)."""
    head = original.content.partition(b"\r\n\r\n")[0] + b"\r\n"
    content = head
    if not head.isascii():
        main, sub, encoding = "message", "global-headers", "base64"
        if whole:
            content, sub = original.content, "global"
    else:
        main, sub, encoding = "text", "rfc822-headers", "8bit"
        everything = original.content if original.content.isascii() else to_seven_bit(original.content)
        if whole and everything is not None:
            content, main, sub = everything, "message", "rfc822"
    part = EmailMessage(policy=SMTP)
    part.set_content(content, maintype=main, subtype=sub, cte=encoding)
    return part
