"""Fields of a message header (RFC 5322), decoded (RFC 2047) and made safe to show."""

from __future__ import annotations

import codecs
import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.policy import compat32
from functools import cache

from testbed.protocols.text import printable

_FIELD = re.compile(rb"[^\r\n]+(?:\r\n[ \t][^\r\n]*)*")
_NOT_OF_NAMES = re.compile(r"[^!-~]|=")
MAX_HEADER_OCTETS = 1 << 20
_MAX_LINE = 998
_MAX_VALUE = 8_192  # of which encoded words are looked for: with many openings and no end that takes quadratic time
_FOR_HOST_NAMES = frozenset(("punycode", "idna"))  # no character sets of MIME, and slow: their time is quadratic


def named(message_id: str) -> str:
    """A message in a sentence, by what its Message-ID holds."""
    return message_id or "a message without Message-ID"


def tls_is_optional(message: bytes) -> bool:
    """Whether its sender would rather have a message arrive in clear than not at all (RFC 8689 §5)."""
    return header_field(message, "TLS-Required").lower() == "no"


def header_field(message: bytes, name: str) -> str:
    """One field of a message, unfolded and decoded; ``""`` when absent or malformed.

    Only the first MiB is looked at; ``message`` may be cut off anywhere.
    """
    end = message.find(b"\r\n\r\n", 0, MAX_HEADER_OCTETS)
    found = _field(name).match(message[: end if end >= 0 else MAX_HEADER_OCTETS] + b"\r\n")
    if found is None:
        return ""
    value = found[1].strip()
    if value.isascii() and b"=?" not in value:
        text = value.decode("ascii")
    else:
        try:
            text = value.decode() if b"=?" not in value else ""  # RFC 6532
        except UnicodeDecodeError:
            text = ""
        try:
            text = text or decoded_words(compat32.header_fetch_parse(name, value.decode("ascii", "surrogateescape")))
        except (MessageError, UnicodeError, LookupError, ValueError):
            return ""
    return printable(" ".join(text.split()))[:_MAX_LINE]


@cache
def _field(name: str) -> re.Pattern[bytes]:
    """Finds the first field of that name; every line before it is a field, or goes on with one (RFC 5322 §2.2)."""
    line = rb"\A(?:[!-9;-~]+[ \t]*:.*\n|[ \t].*\n)*?"
    return re.compile(line + b"(?i:" + re.escape(name.encode()) + rb")[ \t]*:(.*(?:\n[ \t].*)*)")


def decoded_words(value: object) -> str:
    """A field's value, its encoded words decoded (RFC 2047); ``""`` where they are in what only host names are in.

    Raises MessageError, UnicodeError, LookupError, ValueError for one that cannot be read.
    """
    parts = decode_header(str(value)[:_MAX_VALUE])
    if any(charset is not None and _is_for_host_names(charset) for _, charset in parts):
        return ""
    return str(make_header(parts))


def _is_for_host_names(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in _FOR_HOST_NAMES
    except LookupError:
        return False


def field_digests(header: bytes) -> tuple[str, ...]:
    """Each field as ``name=digest``: the name in lower case, and the first 64 bits of the SHA-256 of the whole field.

    A field is told apart by its octets, folding included (RFC 5322 §2.2.3); lines end at CRLF.
    """
    from hashlib import sha256  # brings all of OpenSSL, for the few who ask

    return tuple(
        f"{_NOT_OF_NAMES.sub('?', _name(field))}={sha256(field).hexdigest()[:16]}" for field in _FIELD.findall(header)
    )


def text_digest(body: bytes) -> str:
    """SHA-256 of a message's text as a file has it: whether a line ended with CRLF or LF, nobody can tell there."""
    from hashlib import sha256

    return sha256(body.replace(b"\r\n", b"\n").rstrip(b"\r\n")).hexdigest()


def _name(field: bytes) -> str:
    return field.partition(b":")[0].decode("latin-1").strip().lower()[:77]
