"""Credentials in a dialogue: masked, unless somebody asked to see them.

Mechanisms are those of SASL: PLAIN (RFC 4616), LOGIN (a draft everybody speaks), CRAM-MD5 (RFC 2195) and any other,
whose responses are shown as decoded text.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error

from testbed.protocols.text import decoded
from testbed.trace.model.remark import Remarks

MASK = "********"
IN_CLEAR = "credentials-in-clear"

_MOST = 500
# What these send is of no use to somebody who only listens, or no secret.
_NO_SECRET = ("CRAM-", "DIGEST-", "SCRAM-", "GSSAPI", "GS2-", "NTLM", "KERBEROS", "EXTERNAL", "ANONYMOUS", "APOP")
_BLANKS = re.compile(rb"[ \t]*([A-Za-z]+)[ \t]+(.*)", re.S)
_BEGINS_SECRET = re.compile(rb"[ \t]*(?:AUTH|PASS|APOP)[ \t]", re.I)


class Credentials:
    """Follows the credentials of one connection.  ``show`` decodes them; else they come out masked."""

    def __init__(self, remarks: Remarks, *, show: bool = False) -> None:
        self.show = show
        self._remarks = remarks
        self._mechanism = ""
        self._responses = 0

    def begin(self, line: bytes, masked: str, frames: tuple[int, ...], *, encrypted: bool) -> str:
        """AUTH or AUTHENTICATE with a mechanism: its argument as it may be shown, ``masked`` where none was sent."""
        mechanism, _, response = tidy(line).partition(b" ")[2].strip().partition(b" ")
        self._mechanism, self._responses = decoded(mechanism).upper()[:40], 0
        if not response:
            return masked
        return f"{masked.partition(' ')[0]} {self.response(response.strip(), frames, encrypted=encrypted)}"

    def response(self, octets: bytes, frames: tuple[int, ...], *, encrypted: bool) -> str:
        """What to show for a response of the client, base64 as it was sent."""
        if octets not in (b"*", b"=", b"") and not self._mechanism.startswith(_NO_SECRET):
            self.seen(f"AUTH {self._mechanism}", frames, encrypted=encrypted)
        self._responses += 1
        return self.shown(octets)

    def shown(self, octets: bytes) -> str:
        """Octets that may be a secret, as they may be shown."""
        return self._decoded(octets) if self.show else MASK

    def seen(self, where: str, frames: tuple[int, ...], *, encrypted: bool) -> None:
        """Credentials anybody could read went by."""
        if not encrypted:
            self._remarks.note(IN_CLEAR, frames, decoded(where.encode("utf-8", "replace")))

    def _decoded(self, octets: bytes) -> str:
        try:
            plain = b64decode(octets, validate=True)
        except (Error, ValueError):
            return decoded(octets)[:_MOST]
        if self._mechanism == "PLAIN" and plain.count(b"\0") == 2:
            identity, user, password = plain.split(b"\0")
            acting = f"for={decoded(identity)} " if identity not in (b"", user) else ""
            return f"{acting}user={decoded(user)} password={decoded(password)}"[:_MOST]
        if self._mechanism == "LOGIN":
            return f"{'user' if self._responses == 1 else 'password'}={decoded(plain)}"[:_MOST]
        if self._mechanism == "CRAM-MD5" and b" " in plain:
            user, _, digest = plain.rpartition(b" ")
            return f"user={decoded(user)} digest={decoded(digest)}"[:_MOST]
        return decoded(plain)[:_MOST]


def may_be_response(line: bytes) -> bool:
    """Whether a client's line may be what it sends for AUTH: base64 has no blanks in it (RFC 4954 §4)."""
    return b" " not in line.strip()


def tidy(line: bytes) -> bytes:
    """The line with one blank behind a command that takes credentials, so that none slips past the mask."""
    if _BEGINS_SECRET.match(line) is None:
        return line
    found = _BLANKS.match(line)
    if found is None:
        return line
    verb, rest = found.groups()
    return verb + b" " + (rest if verb.upper() == b"PASS" else b" ".join(rest.split()))
