"""What forwarders and mailing lists do to a message, as octets: CRLF lines in, CRLF lines out.

What is not told to change stays as it is, octet for octet.
"""

from __future__ import annotations

import quopri
from base64 import b64decode, encodebytes
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.message import Message as MimeHeader
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import formataddr, parseaddr
from hashlib import sha256

from testbed.authentication.message import Field, Message, parse
from testbed.protocols.header import header_field

_MOST_OF_NAME = 200


def written(message: Message) -> bytes:
    """The octets of a message."""
    return b"".join(field.octets for field in message.fields) + b"\r\n" + message.body


def with_fields(octets: bytes, fields: Sequence[tuple[str, str]]) -> bytes:
    """With these fields of ASCII on top, in place of those of the same names."""
    message = parse(octets)
    names = {name.lower() for name, _ in fields}
    added = [_field(name, value) for name, value in fields]
    left = [field for field in message.fields if field.name not in names]
    return written(Message((*added, *left), message.body))


def with_tag(octets: bytes, tag: str) -> bytes:
    """With a tag before the subject, unless that has it already (``Re: [team] …``)."""
    if tag in header_field(octets, "Subject"):
        return octets

    def tagged(field: Field) -> Field:
        return Field(b"Subject: " + tag.encode() + b" " + field.value.lstrip(b" \t") + b"\r\n")

    return _replaced(octets, "subject", tagged, f"{tag} (no subject)")


def with_own_author(octets: bytes, address: str, name: str) -> bytes:
    """With another author, ``"Alice via NAME" <address>``; the one there was gets the replies, unless others do."""
    message = parse(octets)
    author = next(iter(message.named("from")), None)
    shown, whose = parseaddr(header_field(octets, "From"))
    via = formataddr((f"{shown or whose.partition('@')[0]} via {name}"[:_MOST_OF_NAME], address))
    octets = _replaced(octets, "from", lambda _: _field("From", via), via)
    if author is None or message.named("reply-to"):
        return octets
    return _with_field(octets, Field(b"Reply-To:" + author.value + b"\r\n"))


def with_footer(octets: bytes, footer: str) -> bytes:
    """With some lines below the text: in it where it is plain text alone, else as a part of its own behind all."""
    message = parse(octets)
    header = _mime_header(message)
    lines = _lines(footer)
    encoding = str(header.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    charset = (header.get_content_charset() or "us-ascii").lower()
    fits = footer.isascii() or (charset == "utf-8" and encoding != "7bit")
    append = _APPENDING.get(encoding)
    if header.get_content_type() == "text/plain" and fits and append is not None:
        with suppress(ValueError):  # what says that it is base64, and is not
            return written(Message(message.fields, append(message.body, lines)))
    return _with_part(message, lines)


def _in_clear(body: bytes, lines: bytes) -> bytes:
    return _ended(body) + lines


def _in_quoted_printable(body: bytes, lines: bytes) -> bytes:
    return _ended(body) + quopri.encodestring(lines.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")


def _in_base64(body: bytes, lines: bytes) -> bytes:
    return encodebytes(_ended(b64decode(body)) + lines).replace(b"\n", b"\r\n")


_APPENDING: dict[str, Callable[[bytes, bytes], bytes]] = {
    "7bit": _in_clear,
    "8bit": _in_clear,
    "quoted-printable": _in_quoted_printable,
    "base64": _in_base64,
}


def _with_part(message: Message, lines: bytes) -> bytes:
    """The message as the first part of two (RFC 2046 §5.1.3)."""
    inner = [field for field in message.fields if field.name.startswith("content-")]
    outer = [field for field in message.fields if not field.name.startswith("content-")]
    boundary = b"=_" + sha256(message.body).hexdigest()[:32].encode()
    kind = Field(b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n')
    if not message.named("mime-version"):
        outer.append(_field("MIME-Version", "1.0"))
    first = written(Message(tuple(inner), message.body))
    footer = Message((_field("Content-Type", 'text/plain; charset="utf-8"'), _encoding(lines)), lines)
    parts = [first, written(footer)]
    body = b"".join(b"--" + boundary + b"\r\n" + _ended(part) for part in parts) + b"--" + boundary + b"--\r\n"
    return written(Message((*outer, kind), body))


def _encoding(lines: bytes) -> Field:
    return _field("Content-Transfer-Encoding", "7bit" if lines.isascii() else "8bit")


def _mime_header(message: Message) -> MimeHeader:
    octets = b"".join(field.octets for field in message.fields)
    return BytesHeaderParser(policy=compat32).parsebytes(octets)


def _lines(text: str) -> bytes:
    return "".join(f"{line}\r\n" for line in text.removesuffix("\n").split("\n")).encode()


def _ended(body: bytes) -> bytes:
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def _replaced(octets: bytes, name: str, change: Callable[[Field], Field], otherwise: str) -> bytes:
    """The first field of a name changed, and no other of that name; added where there is none."""
    message = parse(octets)
    named = message.named(name)
    if not named:
        return _with_field(octets, _field(name.capitalize(), otherwise))
    left = [field for field in message.fields if field is named[0] or field.name != name]
    return written(Message(tuple(change(one) if one is named[0] else one for one in left), message.body))


def _with_field(octets: bytes, field: Field) -> bytes:
    message = parse(octets)
    return written(Message((*message.fields, field), message.body))


def _field(name: str, value: str) -> Field:
    return Field(f"{name}: {value}\r\n".encode("ascii", "replace"))
