"""Messages as clients are told of them.  Everything in one is a stranger's, and may be broken."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from email.errors import MessageError
from email.message import Message

from testbed.protocols.header import decoded_words
from testbed.protocols.mime import content_of, file_name, text_of

_MOST_TEXT = 200_000  # octets of a body
_MOST_PARTS, _MOST_FIELDS = 200, 500


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """A part of a message that is none of its bodies."""

    name: str
    media_type: str
    octets: int


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message of a mailbox; ``number`` counts from 1, the oldest.

    Header fields are decoded (RFC 2047), in ``headers`` all of them in their order.  ``text`` and ``html`` are its
    bodies, null where it has none.
    """

    number: int
    sender: str
    to: str
    subject: str
    date: str
    message_id: str
    octets: int
    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    attachments: tuple[AttachmentView, ...]


def message_view(number: int, octets: bytes) -> MessageView:
    """A message, as far as it can be read."""
    message = email.message_from_bytes(octets, policy=email.policy.compat32)
    fields = tuple((name, _decoded(value)) for name, value in message.items()[:_MOST_FIELDS])
    first = {name.lower(): value for name, value in reversed(fields)}
    bodies: dict[str, str] = {}
    attachments = []
    for part in list(message.walk())[:_MOST_PARTS]:
        kind, name = part.get_content_type(), file_name(part)
        if part.is_multipart():
            continue
        if kind in ("text/plain", "text/html") and not (name or _attached(part)) and kind not in bodies:
            bodies[kind] = text_of(part, _MOST_TEXT)
        else:
            attachments.append(AttachmentView(name, kind, len(content_of(part))))
    return MessageView(
        number,
        first.get("from", ""),
        first.get("to", ""),
        first.get("subject", ""),
        first.get("date", ""),
        first.get("message-id", ""),
        len(octets),
        fields,
        bodies.get("text/plain"),
        bodies.get("text/html"),
        tuple(attachments),
    )


def _attached(part: Message) -> bool:
    return str(part.get("Content-Disposition", "")).strip().lower().startswith("attachment")


def _decoded(value: object) -> str:
    text = " ".join(str(value).split())
    try:
        return decoded_words(text) or text
    except (MessageError, UnicodeError, LookupError, ValueError):
        return text
