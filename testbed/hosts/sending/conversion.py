"""What a message needs of the next hop, and what can be done where the next hop lacks it (RFC 6152 §3, RFC 6531)."""

from __future__ import annotations

import quopri
from base64 import encodebytes
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from email.policy import SMTP

_KEEPING = SMTP.clone(refold_source="none")
_SIGNED = "multipart/signed"  # RFC 1847 §2.1: not to be changed on the way


def has_utf8_header(content: bytes) -> bool:
    """Whether the header is not ASCII, which only SMTPUTF8 carries (RFC 6532)."""
    return not content.partition(b"\r\n\r\n")[0].isascii()


def is_eight_bit(content: bytes) -> bool:
    """Whether there are octets beyond ASCII, which only 8BITMIME carries."""
    return not content.isascii()


def to_seven_bit(content: bytes) -> bytes | None:
    """The same message in ASCII, its parts as quoted-printable or base64; None where that cannot be done.

    It cannot for what is no MIME, and must not for what is signed.
    """
    message: Message = BytesParser(policy=_KEEPING).parsebytes(content)
    if "MIME-Version" not in message or any(part.get_content_type() == _SIGNED for part in message.walk()):
        return None
    try:
        for part in message.walk():
            _encode(part)
        converted = message.as_bytes(policy=_KEEPING)
    except (MessageError, UnicodeError, ValueError):
        return None
    return converted if converted.isascii() else None


def _encode(part: Message) -> None:
    encoding = str(part.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    if encoding not in ("7bit", "8bit", "binary"):
        return
    if part.is_multipart():
        if encoding != "7bit":
            part.replace_header("Content-Transfer-Encoding", "7bit")
        return
    octets = part.get_payload(decode=True)
    if not isinstance(octets, bytes) or octets.isascii():
        return
    as_text = part.get_content_maintype() == "text" and b"\0" not in octets and _lines_end_in_crlf(octets)
    body = _quoted_printable(octets) if as_text else encodebytes(octets)
    del part["Content-Transfer-Encoding"]
    part["Content-Transfer-Encoding"] = "quoted-printable" if as_text else "base64"
    part.set_payload(body.replace(b"\n", b"\r\n").decode("ascii"))


def _quoted_printable(octets: bytes) -> bytes:
    return quopri.encodestring(octets.replace(b"\r\n", b"\n"))


def _lines_end_in_crlf(octets: bytes) -> bool:
    rest = octets.replace(b"\r\n", b"")
    return b"\r" not in rest and b"\n" not in rest
