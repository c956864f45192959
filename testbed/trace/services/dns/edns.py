"""What the OPT record of a message says (RFC 6891 §6.1), and why an answer failed (RFC 8914)."""

from __future__ import annotations

from msgspec import Struct

from testbed.protocols.text import printable

_DO = 0x8000  # of the TTL's lower half (RFC 3225 §3)
_EXTENDED_ERROR = 15  # RFC 8914 §2
_MAX_ERRORS, _MAX_TEXT = 5, 200

_ERRORS = {  # RFC 8914 §4
    3: "stale answer",
    6: "DNSSEC bogus",
    7: "signature expired",
    8: "signature not yet valid",
    9: "DNSKEY missing",
    10: "RRSIGs missing",
    12: "NSEC missing",
    15: "blocked",
    18: "prohibited",
    22: "no reachable authority",
    23: "network error",
}


class Edns(Struct, frozen=True):
    """``payload`` is the largest datagram its sender takes, in octets; ``wants_signatures`` is the DO bit.

    ``errors`` are the extended errors in words.  ``upper_code`` has the upper bits of the response code, as
    dnspython takes them.
    """

    payload: int
    wants_signatures: bool
    errors: tuple[str, ...]
    upper_code: int

    @property
    def words(self) -> str:
        """What a question says with it, in the words of dig: ``EDNS udp 1232, do``."""
        return f"EDNS udp {self.payload}{', do' if self.wants_signatures else ''}"


def read_opt(payload: int, ttl: int, options: bytes) -> Edns:
    """The OPT record whose class, TTL and data these are; options that break off count as none."""
    errors: list[str] = []
    while len(options) >= 4 and len(errors) < _MAX_ERRORS:
        code, length = int.from_bytes(options[:2], "big"), int.from_bytes(options[2:4], "big")
        value, options = options[4 : 4 + length], options[4 + length :]
        if code == _EXTENDED_ERROR and 2 <= length == len(value):
            errors.append(_in_words(int.from_bytes(value[:2], "big"), value[2:]))
    return Edns(payload, bool(ttl & _DO), tuple(errors), ttl)


def _in_words(code: int, text: bytes) -> str:
    said = printable(text.decode("utf-8", "replace").rstrip("\0"))[:_MAX_TEXT]
    word = _ERRORS.get(code, f"extended error {code}")
    return f"{word}: {said}" if said else word
