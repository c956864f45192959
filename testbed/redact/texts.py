"""Text replaced octet for octet: names wholly, sentences but for the words that name nobody.

Host names and mail addresses are replaced label by label, so ``bob``, ``Bob <bob@shop.example>`` and the host
``bob.example`` stay recognisable as the same word; a top-level domain stays, and what a host is called by its office
(``mail``, ``mx2``, ``_dmarc``).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import lru_cache

from testbed.protocols.refusals import PHRASES
from testbed.redact.addresses import Addresses
from testbed.redact.vocabulary import ENDINGS, GENERIC, LABELS, NUMBERED, ROLES, SENTENCES, TOP_DOMAINS, stays
from testbed.redact.words import Words

_V4 = rb"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\w)"
_V6 = (
    rb"(?:(?<=IPv6:)|(?<=ip6:)|(?<![\w:.]))(?=[0-9A-Fa-f:]*:[0-9A-Fa-f]*:)"
    rb"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}"
)
_ENCODED = rb"=\?(?P<charset>[\w-]+)\?(?P<how>[BbQq])\?(?P<code>[^?\s]*)\?="
_LOCAL = rb"(?:[^\s<>()\[\],;:\"\\@=]+)(?=@)"
_PART = rb"[\w\x80-\xff-]+"
_DOTTED = _PART + rb"(?:\." + _PART + rb")+"
_ESCAPE = rb"(?:%[0-9A-Fa-f]{2})+"
_WORD = rb"[A-Za-z0-9\x80-\xff]+"
_TOKEN = re.compile(
    rb"(?P<encoded>" + _ENCODED + rb")|(?P<v6>" + _V6 + rb")|(?P<v4>" + _V4 + rb")|(?P<local>" + _LOCAL + rb")"
    rb"|(?P<escape>" + _ESCAPE + rb")|(?P<dotted>" + _DOTTED + rb")|(?P<word>" + _WORD + rb")"
)
_PIECES = re.compile(rb"(%[0-9A-Fa-f]{2})|([A-Za-z0-9\x80-\xff]+)")
_Q = re.compile(rb"=([0-9A-Fa-f]{2})|([^=]+)|(=)")
_TIME = rb"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_DATE = (
    rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?[ ]+)?"
    rb"(?:\d{1,2}[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ -]\d{2,4}"
    rb"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ ]+\d{1,2})"
    rb"(?:[ ]+" + _TIME + rb"(?:[ ]+(?:[+-]\d{4}|GMT|UTC|UT|\d{4}))?(?:[ ]\((?:[A-Z]{3,4})\))?)?"
    rb"|\b\d{4}-\d{2}-\d{2}(?:[T ]" + _TIME + rb"(?:Z|[+-]\d\d:?\d\d)?)?|(?<![\w:])" + _TIME + rb"(?![\w:])"
)
_ONLY_DATE = re.compile(rb"\s*(?:" + _DATE + rb")\s*", re.I)
_KNOWN = sorted({part for phrase in PHRASES for part in phrase.words.split(" … ")}, key=len, reverse=True)
_WITH_SIGNS = [part.encode() for part in _KNOWN if re.search(r"[.@]\w", part)]
_STAYS = re.compile(
    rb"(?P<date>"
    + _DATE
    + rb")|\b[245]\.\d{1,3}\.\d{1,3}\b(?!\.\d)|\b(?:TLS|SSL)v?\d\.\d\b|\bX{4,}[A-Z]?\b|"
    + rb"|".join(re.escape(words) for words in _WITH_SIGNS),
    re.I,
)
_NUMERIC = re.compile(rb"\d+(?:\.\d+)+\Z")


class Texts:
    """The texts of one redaction."""

    def __init__(self, words: Words, addresses: Addresses) -> None:
        self.words = words
        self.addresses = addresses
        self.names = lru_cache(1 << 14)(self._names)
        self.sentence = lru_cache(1 << 14)(self._sentence)

    def _names(self, text: bytes) -> bytes:
        """All words replaced, whatever they are."""
        return _TOKEN.sub(lambda found: self._token(found, self.words.word), text)

    def _sentence(self, text: bytes) -> bytes:
        """Words that name somebody replaced, and those nobody knows; dates, numbers and status codes stay."""
        parts, at = [], 0
        for found in _STAYS.finditer(text):
            parts += [self._told(text[at : found.start()]), found[0]]
            at = found.end()
        return b"".join((*parts, self._told(text[at:])))

    def host(self, name: bytes) -> bytes:
        """A host's name, with or without a dot at its end."""
        labels = name.split(b".")
        end = len(labels) - (labels[-1:] == [b""])
        return b".".join((*self.labels(labels[:end]), *labels[end:]))

    def labels(self, labels: list[bytes]) -> list[bytes]:
        """The labels of a host's name.  What becomes of one depends on those behind it only."""
        new = [self._label(label, len(labels) - 1 - n) for n, label in enumerate(labels)]
        for start, octets in self._reversed(labels):
            new[start : start + len(octets)] = octets
        return new

    def is_date(self, text: bytes) -> bool:
        """Whether a text is a date and nothing else."""
        return _ONLY_DATE.fullmatch(text) is not None

    def _told(self, text: bytes) -> bytes:
        return _TOKEN.sub(lambda found: self._token(found, self._unless_known), text) if text else text

    def _unless_known(self, word: bytes) -> bytes:
        return word if stays(word) else self.words.word(word)

    def _token(self, found: re.Match[bytes], word: Callable[[bytes], bytes]) -> bytes:
        text = found[0]
        match found.lastgroup:
            case "word":
                return text if text.lower() in ROLES else word(text)
            case "v4" | "v6":
                address = self.addresses.text(text)
                return address if address is not None else self._pieces(text, word)
            case "local":
                return text if text.lower() in ROLES else self._pieces(text, self.words.word)
            case "escape":
                return self._escaped(text)
            case "dotted":
                return self._dotted(text, word)
        return self._encoded(found)

    def _dotted(self, text: bytes, word: Callable[[bytes], bytes]) -> bytes:
        if word is not self.words.word and self._is_no_name(text.lower()):
            return text
        return self.host(text)

    def _is_no_name(self, small: bytes) -> bool:
        """Whether words with dots between them are a number, or words that may stay and no domain behind them."""
        parts = small.split(b".")
        if _NUMERIC.match(small):
            return True
        return not _is_top(parts[-1]) and all(part in SENTENCES for part in parts)

    def _label(self, label: bytes, behind: int) -> bytes:
        """``behind`` labels follow."""
        small = label.lower()
        if small in GENERIC or (not behind and (_is_top(small) or small in ENDINGS)):
            return label
        if behind > 1 and (small in LABELS or NUMBERED.match(small)):
            return label
        return label if small in ROLES else self._pieces(label, self.words.word)

    def _reversed(self, labels: list[bytes]) -> list[tuple[int, list[bytes]]]:
        """The addresses in a name that have their octets, or their half octets, in reverse order."""
        if len(labels) < 4:
            return []
        if len(labels) >= 32 and all(len(label) == 1 for label in labels[:32]):
            try:
                old = bytes.fromhex(b"".join(reversed(labels[:32])).decode("ascii"))
            except (ValueError, UnicodeDecodeError):
                return []
            digits = self.addresses.packed(old).hex().encode()
            return [(0, [digits[n : n + 1] for n in reversed(range(32))])]
        for start in range(min(2, len(labels) - 3)):
            address = self.addresses.text(b".".join(reversed(labels[start : start + 4])))
            if address is not None:
                return [(start, address.split(b".")[::-1])]
        return []

    def _pieces(self, text: bytes, word: Callable[[bytes], bytes]) -> bytes:
        return _PIECES.sub(lambda found: self._escaped(found[0]) if found[1] else word(found[0]), text)

    def _escaped(self, text: bytes) -> bytes:
        """Octets written in hexadecimal behind %: what is no sign is replaced."""
        octets = bytes.fromhex(text.replace(b"%", b"").decode("ascii"))
        if octets.isascii() and not octets.isalnum():
            return text
        return b"".join(b"%%%02X" % octet for octet in self._pieces(octets, self.words.word))

    def _encoded(self, found: re.Match[bytes]) -> bytes:
        """An encoded word (RFC 2047)."""
        code = found["code"]
        new = self.base64(code) if found["how"] in b"Bb" else self.quoted(code)
        return found[0][: found.start("code") - found.start()] + new + b"?="

    def base64(self, code: bytes) -> bytes:
        """Words in base64; its letters themselves where nothing can be decoded."""
        try:
            octets = base64.b64decode(code, validate=True)
        except (binascii.Error, ValueError):
            return self._pieces(code, self.words.word)
        new = base64.b64encode(self.names(octets))
        return new if len(new) == len(code) and octets else self._pieces(code, self.words.word)

    def quoted(self, code: bytes) -> bytes:
        """Words in the encoding Q, or quoted-printable: an octet that was written in hexadecimal stays so."""
        octets, escaped = bytearray(), list[bool]()
        for part in _Q.finditer(code):
            here = bytes.fromhex(part[1].decode()) if part[1] else part[0]
            octets += here
            escaped += [part[1] is not None] * len(here)
        new = self.names(bytes(octets).replace(b"_", b" "))
        return b"".join(
            b"=%02X" % octet if coded else (b"_" if octet == 0x20 else bytes((octet,)))
            for octet, coded in zip(new, escaped, strict=True)
        )


def _is_top(label: bytes) -> bool:
    """Whether a label may be a top-level domain."""
    return label in TOP_DOMAINS or (len(label) == 2 and label.isalpha())
