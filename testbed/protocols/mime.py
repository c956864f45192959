"""What parts of a message are called and hold (RFC 2045, RFC 2183), whatever strangers have made of them."""

from __future__ import annotations

from email.message import Message

from testbed.protocols.header import decoded_words

_MOST_IN_A_NAME = 200


def file_name(part: Message) -> str:
    """What a part is called (RFC 2231 undone), without folders and unprintable characters; ``""`` when it is not."""
    try:
        name = part.get_filename() or ""
        if "=?" in name:  # RFC 2047 forbids it there, and many write it
            name = decoded_words(name)
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


def text_of(part: Message, most: int | None = None) -> str:
    """What a part says, of its first ``most`` octets; what its character set does not have is replaced."""
    content = content_of(part)[:most]
    try:
        return content.decode(str(part.get_content_charset("utf-8")), "replace")
    except (LookupError, ValueError):  # an unknown character set
        return content.decode("utf-8", "replace")
