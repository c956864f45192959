"""CR and LF that stand alone, which no message may have (RFC 5321 §2.3.8), and what servers make of them.

Some make line ends of them, some blanks, some leave them out; a dot behind one may be taken for one that was put there
(RFC 5321 §4.5.2).
"""

from __future__ import annotations

from hashlib import sha256


def stand_alone(octets: bytes) -> bool:
    """Whether there is a CR without LF, or a LF without CR."""
    ends = octets.count(b"\r\n")
    return octets.count(b"\r") != ends or octets.count(b"\n") != ends


def loose_digest(text: bytes) -> str:
    """A SHA-256 that is the same whatever a server has made of them: line ends, blanks and dots do not count."""
    return sha256(text.translate(None, b"\r\n .")).hexdigest()
