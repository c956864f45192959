"""What a user agent composes: a header, a text, and what is attached to it (RFC 5322, RFC 2045, RFC 2183)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from testbed.errors import StepError, reason
from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.protocols.esmtp import MailParameters, RcptParameters
from testbed.protocols.text import shown
from testbed.regular_file import read_regular
from testbed.scenario.attachments import MOST_OCTETS, Attachment
from testbed.scenario.steps import SendStep

_TEXT_LINE = b"This line stands in the attachment, and so do many like it.\r\n"


class Attached(Struct, frozen=True):
    """A file that goes with a message: its name, in any script, and its media type."""

    name: str
    kind: str
    content: bytes


class Submission(Struct, frozen=True):
    """What somebody wants to send.

    ``size`` pads the text to about so many octets; ``headers`` are fields of ASCII besides, From among them in place of
    the sender; ``parameters`` are for all recipients; what fails for now is tried again after ``retry_ns``, with None
    it is not; ``tls`` is what the sender says of TLS on all of its way (RFC 8689).
    """

    sender: str
    to: tuple[str, ...]
    subject: str
    body: str
    bcc: tuple[str, ...] = ()
    size: int = 0
    attached: tuple[Attached, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    ret: str = ""
    envelope_id: str = ""
    parameters: RcptParameters = field(default_factory=RcptParameters)
    retry_ns: int | None = None
    tls: Literal["required", "optional"] | None = None

    @property
    def envelope(self) -> Envelope:
        """Who gets it, Bcc included."""
        recipients = tuple(EnvelopeRecipient(address, self.parameters) for address in (*self.to, *self.bcc))
        return Envelope(self.sender, recipients, self._mail_parameters)

    @property
    def _mail_parameters(self) -> MailParameters:
        return MailParameters(ret=self.ret, envid=self.envelope_id, require_tls=self.tls == "required")

    @property
    def is_ascii(self) -> bool:
        """Whether the addresses the header names are ASCII."""
        return all(address.isascii() for address in (self.sender, *self.to))


def draft_of(step: SendStep, folder: Path) -> Submission:
    """What a step has somebody send; files lie in ``folder``.  Raises StepError when one cannot be read."""
    return Submission(
        sender=step.sender,
        to=step.recipients,
        bcc=step.bcc,
        subject=step.subject,
        body=step.body,
        size=step.size or 0,
        attached=tuple(Attached(one.file_name, one.media_type, _content(one, folder)) for one in step.attach),
        headers=tuple(step.headers.items()),
        ret={"full": "FULL", "headers": "HDRS", None: ""}[step.returned],
        envelope_id=step.envelope_id,
        parameters=RcptParameters(frozenset(word.upper() for word in step.notify)),
        retry_ns=step.retry,
        tls=step.tls,
    )


def message_id(number: int, now: float, host: str) -> str:
    """The Message-ID of what a host sends as its message of that number, in seconds since the Unix epoch."""
    return f"<{number}.{now:.0f}@{host}>"


def compose(draft: Submission, message_id: str, date: str) -> bytes:
    """The message as octets, the same for the same arguments.  What is attached goes as base64."""
    message = EmailMessage(policy=SMTP if draft.is_ascii else SMTPUTF8)
    if not any(name.lower() == "from" for name, _ in draft.headers):
        message["From"] = draft.sender
    message["To"] = ", ".join(draft.to)
    message["Subject"] = draft.subject
    message["Date"] = date
    message["Message-ID"] = message_id
    if draft.tls == "optional":
        message["TLS-Required"] = "No"
    message.set_content(draft.body + "\n" + _padding(draft.size))
    for one in draft.attached:
        main, _, sub = one.kind.partition("/")
        charset = {"charset": "utf-8"} if main == "text" else None
        message.add_attachment(one.content, main, sub, filename=one.name, params=charset)
    if draft.attached:  # a boundary that is not drawn by lot: two runs send the same octets
        said = hashlib.sha256(draft.body.encode())
        for one in draft.attached:
            said.update(one.content)
        message.set_boundary(f"=_{said.hexdigest()[:32]}")
    return "".join(f"{name}: {value}\r\n" for name, value in draft.headers).encode() + message.as_bytes()


def _padding(size: int) -> str:
    """Text of about ``size`` octets once its line ends are CRLF."""
    line = "The quick brown fox jumps over the lazy dog, and the mail gets through.\n"
    return line * (size // (len(line) + 1))


def _content(attachment: Attachment, folder: Path) -> bytes:
    if attachment.file is not None:
        return _read(folder / attachment.file)
    if attachment.content is not None:
        return attachment.content.encode()
    size = attachment.size or 0
    if attachment.media_type.startswith("text/"):
        return (_TEXT_LINE * (size // len(_TEXT_LINE) + 1))[:size]
    return b"".join(_blocks(attachment.file_name, size))[:size]


def _blocks(name: str, size: int) -> Iterator[bytes]:
    """Octets that look like chance, and are the same for the same name."""
    for number in range(size // 64 + 1):
        yield hashlib.blake2b(f"{name}\n{number}".encode()).digest()


def _read(path: Path) -> bytes:
    try:
        content = read_regular(path, MOST_OCTETS + 1)
    except (OSError, ValueError) as error:
        raise StepError(f"the attachment {shown(path)} cannot be read: {reason(error)}") from error
    if len(content) > MOST_OCTETS:
        raise StepError(f"the attachment {shown(path)} is larger than {MOST_OCTETS:,} octets")
    return content
