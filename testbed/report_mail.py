"""What messages that carry reports have in common: their header, a boundary that stays the same, bounded gzip."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

_HEADER_AND_TRAILER = 16 + zlib.MAX_WBITS  # zlib's word for gzip (RFC 1952)


def headed(sender: str, to: Sequence[str], subject: str, date: str, identifier: str) -> EmailMessage:
    """A message without content; ``date`` is an RFC 5322 date, ``identifier`` the Message-ID without its brackets."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject
    mail["Date"] = date
    mail["Message-ID"] = f"<{identifier}>"
    return mail


def boundary(identifier: str) -> str:
    """Not drawn by lot: the same report is the same message."""
    return f"=_{sha256(identifier.encode()).hexdigest()[:32]}"


def unpacked(packed: bytes, most: int) -> bytes:
    """The first ``most`` octets and one more of a gzip file.  Raises ValueError, with a sentence, for what is none."""
    unpacking = zlib.decompressobj(_HEADER_AND_TRAILER)
    try:
        document = unpacking.decompress(packed, most + 1)
    except zlib.error as error:
        raise ValueError(f"the attachment is no gzip file: {error}") from None
    if len(document) <= most and not unpacking.eof:
        raise ValueError("the gzip file ends before its end")
    return document
