"""The canonical forms of DKIM: ``simple`` and ``relaxed``, of header fields and bodies (RFC 6376 §3.4)."""

from __future__ import annotations

import re
from typing import Literal

Form = Literal["simple", "relaxed"]

_SPACES = re.compile(rb"[ \t]+")
_SPACES_AT_END = re.compile(rb"[ \t]+(?=\r\n|\Z)")


def field(octets: bytes, form: Form) -> bytes:
    """A field with its CRLF, as it is hashed."""
    if form == "simple":
        return octets
    name, _, value = octets.partition(b":")
    unfolded = _SPACES.sub(b" ", value.replace(b"\r\n", b""))
    return name.rstrip(b" \t").lower() + b":" + unfolded.strip(b" ") + b"\r\n"


def body(octets: bytes, form: Form) -> bytes:
    """A body as it is hashed: empty lines at its end count for none, or for one of ``simple``'s (§3.4.3, §3.4.4)."""
    if form == "relaxed":
        # Long runs of spaces within lines would take the second expression quadratic time; they are short by then.
        octets = _SPACES_AT_END.sub(b"", _SPACES.sub(b" ", octets))
    end = len(octets)
    while octets.endswith(b"\r\n", 0, end):
        end -= 2
    if end == 0 and form == "relaxed":
        return b""
    return octets[:end] + b"\r\n"
