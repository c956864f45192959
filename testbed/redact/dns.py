"""DNS messages, replaced in place (RFC 1035 §4.1): names label by label, addresses, texts, keys.

Records whose data nobody here knows have other data of the same length.
"""

from __future__ import annotations

import re
import struct

from testbed.redact.filler import Filler
from testbed.redact.texts import Texts

_HEADER = 12
_NAMES_AT = {2: 0, 5: 0, 12: 0, 39: 0, 15: 2, 33: 6, 6: 0, 17: 0, 18: 2, 36: 2, 35: None}  # by type: where names begin
_SEVERAL = frozenset((6, 17))  # of two names
_A, _AAAA, _TXT, _SPF, _OPT, _TLSA, _CAA, _HINFO = 1, 28, 16, 99, 41, 52, 257, 13
_RRSIG, _NSEC, _NSEC3, _DNSKEY, _DS, _SVCB, _HTTPS, _NSEC3PARAM = 46, 47, 50, 48, 43, 64, 65, 51
_KEPT_OF_KEYS = {_TLSA: 3, _DNSKEY: 4, _DS: 4}  # octets that say of what kind a key or digest is
_CLIENT_SUBNET, _COOKIE = 8, 10
_MOST_LABELS = 128


class DnsMessages:
    """The DNS messages of one redaction."""

    def __init__(self, texts: Texts, filler: Filler) -> None:
        self._texts = texts
        self._filler = filler

    def message(self, octets: bytes) -> bytes:
        """A message as it is in a datagram; what cannot be read of it is replaced as a whole."""
        return _Message(octets, self._texts, self._filler).redacted()


class _Message:
    def __init__(self, octets: bytes, texts: Texts, filler: Filler) -> None:
        self._old = octets
        self._new = bytearray(octets)
        self._done: set[int] = set()  # where labels were replaced already
        self._texts = texts
        self._filler = filler

    def redacted(self) -> bytes:
        at = min(_HEADER, len(self._old))
        try:
            counts: tuple[int, ...] = struct.unpack_from(">4H", self._old, 4)
            for _ in range(counts[0]):
                at = self._name(at) + 4
            for _ in range(sum(counts[1:])):
                at = self._record(at)
        except (struct.error, IndexError, ValueError):
            pass
        at = min(at, len(self._old))
        self._new[at:] = self._filler.octets(self._old[at:])
        return bytes(self._new)

    def _record(self, at: int) -> int:
        behind = self._name(at)
        kind: int
        length: int
        kind, _, _, length = struct.unpack_from(">HHIH", self._old, behind)
        start = behind + 10
        if start + length > len(self._old):
            raise ValueError("cut off")
        self._data(kind, start, start + length)
        return start + length

    def _name(self, at: int) -> int:
        """Replace a name; gives where what follows it begins."""
        labels: list[tuple[int, bytes]] = []
        behind = -1
        while self._old[at]:
            length = self._old[at]
            if length >= 0xC0:
                behind = at + 2 if behind < 0 else behind
                target = (length & 0x3F) << 8 | self._old[at + 1]
                if target >= at or len(labels) > _MOST_LABELS:
                    raise ValueError("a pointer that leads nowhere")
                at = target
                continue
            if length > 63 or at + 1 + length > len(self._old) or len(labels) > _MOST_LABELS:
                raise ValueError("no label")
            labels.append((at + 1, self._old[at + 1 : at + 1 + length]))
            at += 1 + length
        for (place, label), new in zip(labels, self._texts.labels([label for _, label in labels]), strict=True):
            if place not in self._done:
                self._done.add(place)
                self._new[place : place + len(label)] = new
        return at + 1 if behind < 0 else behind

    def _data(self, kind: int, start: int, end: int) -> None:
        old = self._old[start:end]
        if kind in (_A, _AAAA) and len(old) == (4 if kind == _A else 16):
            self._new[start:end] = self._texts.addresses.packed(old)
        elif kind in (_TXT, _SPF, _HINFO):
            self._strings(start, end)
        elif kind == _OPT:
            self._options(start, end)
        elif kind == _CAA and len(old) > 2:
            value = start + 2 + old[1]
            self._new[value:end] = self._texts.sentence(self._old[value:end])
        elif kind in _KEPT_OF_KEYS:
            self._fill(min(end, start + _KEPT_OF_KEYS[kind]), end)
        elif kind == _RRSIG and len(old) > 18:
            self._fill(self._name(start + 18), end)
        elif kind == _NSEC:
            self._name(start)
        elif kind == _NSEC3 and len(old) > 5:
            salt = start + 5 + old[4]
            self._fill(start + 5, min(salt, end))
            self._fill(min(salt + 1, end), min(salt + 1 + self._old[salt], end))
        elif kind in (_SVCB, _HTTPS):
            self._fill(self._name(start + 2), end)
        elif kind == _NSEC3PARAM:
            self._fill(min(start + 5, end), end)
        elif (at := _NAMES_AT.get(kind)) is not None:
            behind = self._name(start + at)
            if kind in _SEVERAL:
                self._name(behind)
        else:
            self._fill(start, end)

    def _strings(self, at: int, end: int) -> None:
        """Character strings; what one begins may go on in the next."""
        places = []
        while at < end:
            size = min(self._old[at], end - at - 1)
            places.append((at + 1, at + 1 + size))
            at += 1 + size
        text = b"".join(self._old[start:stop] for start, stop in places)
        known = re.match(rb"(?i)v=(?:spf1|spf2|dkim1|dmarc1|sts|tlsrpt)", text)
        new = self._texts.sentence(text) if known else self._texts.names(text)
        taken = 0
        for start, stop in places:
            self._new[start:stop] = new[taken : taken + stop - start]
            taken += stop - start

    def _options(self, at: int, end: int) -> None:
        """EDNS options (RFC 6891 §6.1.2): codes and lengths stay, and how long a client's subnet is."""
        while at + 4 <= end:
            code, length = struct.unpack_from(">HH", self._old, at)
            start, at = at + 4, min(end, at + 4 + length)
            kept = {_CLIENT_SUBNET: 4, 15: 2}.get(code, 0)  # an extended error begins with its code (RFC 8914)
            self._fill(min(start + kept, at), at)

    def _fill(self, start: int, end: int) -> None:
        self._new[start:end] = self._filler.octets(self._old[start:end])
