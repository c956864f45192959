"""What is attached to a message (RFC 2045, RFC 2183), whatever strangers have made of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import default

_MOST_PARTS = 500
_MOST_OCTETS = 64 << 20  # what is larger is not taken apart
_MOST_IN_A_NAME = 200


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A part to be saved: its name (no folders, nothing unprintable; may be ``""``), media type, size in octets."""

    name: str
    kind: str
    octets: int


def attachments(message: bytes) -> tuple[AttachedFile, ...]:
    """The parts of a message that have a name or are called attachments, in their order."""
    if len(message) > _MOST_OCTETS or b"multipart/" not in message[:_MOST_OCTETS].lower():
        return ()
    try:
        return tuple(_attached(message_from_bytes(message, policy=default)))
    except Exception:  # the standard library meets hostile parts with exceptions of many kinds
        return ()


def file_name(part: Message) -> str:
    """What a part is called (RFC 2231 undone), without folders and unprintable characters; ``""`` when it is not."""
    try:
        name = part.get_filename() or ""
    except Exception:  # hostile parameters
        name = ""
    name = "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable())
    return name.lstrip(". ")[:_MOST_IN_A_NAME]


def content_of(part: Message) -> bytes:
    """The octets of a part, its transfer encoding undone; none where that is beyond understanding."""
    try:
        content = part.get_payload(decode=True)
    except Exception:  # hostile encodings
        content = b""
    return content if isinstance(content, bytes) else b""


def _attached(message: Message) -> Iterator[AttachedFile]:
    for number, part in enumerate(message.walk()):
        if number == _MOST_PARTS:
            return
        name = file_name(part)
        if not part.is_multipart() and (name or part.get_content_disposition() == "attachment"):
            yield AttachedFile(name, part.get_content_type(), len(content_of(part)))
