"""Signing a message with DKIM (RFC 6376 §5)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256

from testbed.authentication import canonical
from testbed.authentication.keys import SigningKey
from testbed.authentication.message import Field, Message, parse
from testbed.authentication.signature import hashed_header, selected

# Those of RFC 6376 §5.4.1 that say what the message is, and what a bulk sender must cover (RFC 8058 §3.1).
COVERED = (
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
)
_WIDTH = 76


def sign(
    octets: bytes,
    key: SigningKey,
    domain: str,
    selector: str,
    *,
    header_form: canonical.Form = "relaxed",
    body_form: canonical.Form = "relaxed",
    covered: Sequence[str] = COVERED,
    oversigned: Sequence[str] = (),
    length: int | None = None,
    now: int | None = None,
    expires_at: int | None = None,
    identity: str = "",
) -> bytes:
    """The field ``DKIM-Signature`` of a message of CRLF lines, with its CRLF, to stand above it.

    Of ``covered`` (lower case) it names those fields that are there, as often as they are, and those of ``oversigned``
    once more, so that none can be added.  ``length`` covers only so many octets of the canonical body.  ``now`` and
    ``expires_at`` are t= and x=, in seconds since 1970.
    """
    message = parse(octets)
    body = canonical.body(message.body, body_form)[:length]
    names = [field.name for name in covered for field in message.named(name)] + list(oversigned)
    values = {
        "v": "1",
        "a": f"{key.type}-sha256",
        "c": f"{header_form}/{body_form}",
        "d": domain,
        "s": selector,
        "i": identity,
        "t": "" if now is None else str(now),
        "x": "" if expires_at is None else str(expires_at),
        "l": "" if length is None else str(length),
        "h": ":".join(names),
        "bh": base64.b64encode(sha256(body).digest()).decode(),
    }
    return signed_field("DKIM-Signature", values, message, names, key, header_form)


def signed_field(
    name: str,
    values: dict[str, str],
    message: Message,
    covered: Sequence[str],
    key: SigningKey,
    form: canonical.Form,
) -> bytes:
    """A field of these tags, those without value left out, whose b= signs the fields named and itself."""
    unsigned = _folded(f"{name}: " + "; ".join(f"{tag}={value}" for tag, value in values.items() if value))
    own = Field(unsigned.encode("latin-1", "replace") + b";\r\n    b=\r\n")
    hashed = hashed_header(selected(message, covered), own, form)
    signature = base64.b64encode(key.signed(hashed)).decode()
    lines = [signature[at : at + _WIDTH - 4] for at in range(0, len(signature), _WIDTH - 4)]
    return own.octets.removesuffix(b"\r\n") + "\r\n    ".join(lines).encode() + b"\r\n"


def _folded(text: str) -> str:
    """Lines of at most 76 characters, as far as there are places where white space means nothing."""
    lines, line = [], ""
    for word in text.replace(":", ":\0").replace(" ", " \0").split("\0"):
        if line.strip() and len(line) + len(word.rstrip()) > _WIDTH:
            lines.append(line.rstrip(" "))
            line = "    "
        line += word
    return "\r\n".join([*lines, line])
