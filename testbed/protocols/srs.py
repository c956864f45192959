"""Envelope senders written anew by a forwarder, so that SPF passes and bounces find back: the Sender Rewriting Scheme.

After Meng Weng Wong, "Sender Rewriting Scheme" (2004), and Shevek, "The Sender Rewriting Scheme" (2004), as libsrs2 and
PostSRSd have it.  No RFC describes it.
"""

from __future__ import annotations

import base64
import hmac
import re

from msgspec import Struct

_DAY_S = 86_400
_DAYS = 1_024  # two letters of base 32
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SRS0 = re.compile(r"SRS0[=+-]([^=]+)=([^=]+)=([^=]+)=(.+)", re.I)
_SRS1 = re.compile(r"SRS1[=+-]([^=]+)=([^=]+)=([=+-].+)", re.I)
_HASH_LENGTH = 4


class SrsError(ValueError):
    """Why an address leads back to nobody, as the end of a sentence."""


class SenderRewriting(Struct, frozen=True):
    """The scheme of one forwarder: its secret, the domain of its addresses, and for how many days they lead back."""

    secret: bytes
    domain: str
    lifetime_days: int = 21

    def forwarded(self, sender: str, now: float) -> str:
        """The sender that goes on, at a time in seconds since 1970.  The null path, and its own domain's, stay."""
        local, at, domain = sender.rpartition("@")
        if not at or domain.lower() == self.domain.lower():
            return sender
        if match := _SRS1.fullmatch(local):  # it has passed two forwarders: only who was the first counts
            return self._second(match[2], match[3])
        if _SRS0.fullmatch(local):
            return self._second(domain, local[4:])
        day = _stamp(now)
        return f"SRS0={self._hash(day, domain, local)}={day}={domain}={local}@{self.domain}"

    def _second(self, first: str, rest: str) -> str:
        return f"SRS1={self._hash(first, rest)}={first}={rest}@{self.domain}"

    def reversed(self, address: str, now: float) -> str:
        """Whom mail for one of its addresses goes back to; raises :class:`SrsError`."""
        local = address.rpartition("@")[0]
        if match := _SRS1.fullmatch(local):
            self._check(match[1], match[2], match[3])
            return f"SRS0{match[3]}@{match[2]}"
        if match := _SRS0.fullmatch(local):
            self._check(match[1], match[2], match[3], match[4])
            if (_day(now) - _day_of(match[2])) % _DAYS > self.lifetime_days:
                raise SrsError(f"it was written more than {self.lifetime_days} days ago")
            return f"{match[4]}@{match[3]}"
        raise SrsError("it has not the form of one")

    def _check(self, given: str, *parts: str) -> None:
        # Relays on the way may have changed upper and lower case.
        if not hmac.compare_digest(given.lower().encode(), self._hash(*parts).lower().encode()):
            raise SrsError("its hash does not fit: this forwarder has not written it")

    def _hash(self, *parts: str) -> str:
        digest = hmac.digest(self.secret, "".join(parts).lower().encode(), "sha1")
        return base64.b64encode(digest).decode()[:_HASH_LENGTH]


def is_rewritten(address: str) -> bool:
    """Whether an address has the form of one that was written anew."""
    local = address.rpartition("@")[0]
    return bool(_SRS0.fullmatch(local) or _SRS1.fullmatch(local))


def written_for(address: str) -> str:
    """The sender that an address was written for, as far as it shows; of any other address itself."""
    local = address.rpartition("@")[0]
    if match := _SRS1.fullmatch(local):
        local = f"SRS0{match[3]}"
    match = _SRS0.fullmatch(local)
    return address if match is None else f"{match[4]}@{match[3]}"


def _day(now: float) -> int:
    return int(now // _DAY_S) % _DAYS


def _stamp(now: float) -> str:
    high, low = divmod(_day(now), 32)
    return _LETTERS[high] + _LETTERS[low]


def _day_of(stamp: str) -> int:
    letters = stamp.upper()
    if len(letters) != 2 or any(letter not in _LETTERS for letter in letters):
        raise SrsError("it has no date")
    return _LETTERS.index(letters[0]) * 32 + _LETTERS.index(letters[1])
