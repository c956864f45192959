"""What fills the place of bodies: as many octets in the same lines, with what findings depend on as it was.

The same line has the same filler.  Dots at its beginning, blanks at its end and control characters stay; what is beyond
ASCII stays beyond it, UTF-8 stays UTF-8, base64 decodes, and so does quoted-printable.
"""

from __future__ import annotations

import re
from itertools import accumulate

from testbed.redact.permutation import Permutation

_WORDS = (
    b"lorem ipsum dolor sit amet consectetur adipiscing elit sed eiusmod tempor incididunt labore magna aliqua enim "
    b"minim veniam quis nostrud ullamco laboris nisi aliquip commodo consequat duis aute irure reprehenderit voluptate "
    b"velit esse cillum fugiat nulla pariatur excepteur sint occaecat cupidatat non proident sunt culpa qui officia "
    b"deserunt mollit anim est laborum perspiciatis unde omnis iste natus error"
).split()
_EDGES = re.compile(rb"\A([.]*)(.*?)([ \t\x00]*)\Z", re.S)
_PLAIN = re.compile(rb"[\x20-\x7e]*\Z")
_QP = re.compile(rb"((?:=[0-9A-Fa-f]{2})+)|(=)|([^=]+)")
_NARROW = {0xC2: (0xA0, 0xBF), 0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PHASES = (  # the letters that, at each place of four, stand for small letters
    _BASE64[24:28],
    bytes(_BASE64[n] for n in (6, 22, 38, 54)),
    bytes(_BASE64[n] for n in range(5, 64, 4)),
    _BASE64[33:59],
)
_LAST = {1: bytes(_BASE64[n] for n in (0, 16, 32, 48)), 2: bytes(_BASE64[n] for n in range(4, 64, 4))}
_MOST_WORDS = 64


class Filler:
    """The filler of one redaction."""

    def __init__(self, key: bytes) -> None:
        self._permutation = Permutation(key)

    def line(self, text: bytes) -> bytes:
        """A line of a body without its end."""
        found = _EDGES.match(text)
        assert found is not None
        dots, middle, blanks = found.groups()
        if not middle:
            return text
        words = self._words(middle)
        if _PLAIN.match(middle):
            return bytes(dots + words + blanks)
        return bytes(dots + self._beyond_ascii(middle, words) + blanks)

    def quoted_printable(self, text: bytes) -> bytes:
        """A line in quoted-printable: what was written in hexadecimal stays so (RFC 2045 §6.7)."""
        words = self._words(text)
        parts, at = [], 0
        for part in _QP.finditer(text):
            here = part[0]
            if part[1]:
                octets = bytes.fromhex(here.replace(b"=", b"").decode())
                new = self._beyond_ascii(octets, b"x" * len(octets), signs=True)
                parts.append(b"".join(b"=%02X" % octet for octet in new))
            elif part[2]:
                parts.append(here)
            else:
                parts.append(words[at : at + len(here)] if _PLAIN.match(here) else self.line(here))
            at += len(here)
        new = b"".join(parts)
        stripped = len(text.rstrip(b" \t"))
        dots = len(text) - len(text.lstrip(b"."))
        return text[:dots] + new[dots:stripped] + text[stripped:]

    def base64(self, text: bytes, phase: int = 0) -> tuple[bytes, int]:
        """A line of base64 that begins at a place of four letters, and where the next one does (RFC 4648 §4)."""
        chance = self._permutation.octets(b"base64" + text, len(text))
        new = bytearray(text)
        for at, octet in enumerate(text):
            if octet == 0x3D:
                phase = 0
            elif octet in _BASE64:
                letters = _PHASES[phase]
                if text[at + 1 : at + 2] == b"=" and phase in _LAST:
                    letters = _LAST[phase]
                new[at] = letters[chance[at] % len(letters)]
                phase = (phase + 1) % 4
            elif octet > 0x20 and octet != 0x2E:
                new[at] = 0x2E  # no letter of base64
        return bytes(new), phase

    def octets(self, octets: bytes) -> bytes:
        """Octets nobody understands."""
        return self._permutation.octets(b"opaque" + octets, len(octets))

    def _words(self, text: bytes) -> bytes:
        """Words in a row, as long as a text; no blank at either end."""
        size = len(text)
        parts, length, turn = [], 0, 0
        while length < size:
            seed = b"line%d" % turn + text
            picked = [_WORDS[octet % len(_WORDS)] for octet in self._permutation.octets(seed, _MOST_WORDS)]
            ends = [*accumulate(len(word) + 1 for word in picked)]
            parts += picked
            length += ends[-1]
            turn += 1
        words = b" ".join(parts)[:size]
        return words[:-1] + b"o" if words.endswith(b" ") else words

    def _beyond_ascii(self, text: bytes, words: bytes, *, signs: bool = False) -> bytes:
        """A text with octets that are no ASCII letters, its ASCII letters those of ``words``; ``signs`` stay."""
        chance = self._permutation.octets(b"beyond" + text, len(text))
        try:
            text.decode()
            unicode = True
        except UnicodeDecodeError:
            unicode = False
        new, lead = bytearray(words), 0
        for at, octet in enumerate(text):
            if octet < 0x20 or octet == 0x7F or (signs and octet < 0x80 and not chr(octet).isalnum()):
                new[at] = octet
            elif octet >= 0x80 and not unicode:
                new[at] = 0xA1 + chance[at] % 0x5E
            elif octet >= 0xC0:
                new[at] = lead = octet
            elif octet >= 0x80:
                low, high = _NARROW.get(lead, (0x80, 0xBF))
                new[at] = low + chance[at] % (high - low + 1)
                lead = 0
        return bytes(new)
