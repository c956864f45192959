"""Words replaced by words of the same length and shape: letters by letters, digits by digits, capitals by capitals."""

from __future__ import annotations

from testbed.redact.permutation import Permutation

_LONGEST = 24  # letters, up to which a replacement is certain to be nobody else's
_LETTERS, _DIGITS = b"abcdefghijklmnopqrstuvwxyz", b"0123456789"
_TWO_OCTETS = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþß"
_MOST_KEPT = 1 << 16


class Words:
    """The words of one redaction: the same word has the same replacement, however its letters are written."""

    def __init__(self, key: bytes) -> None:
        self._permutation = Permutation(key)
        self._known: dict[bytes, bytes] = {}

    def word(self, word: bytes) -> bytes:
        """The replacement of a word of ASCII letters and digits, and of octets beyond ASCII."""
        small = word.lower()
        found = self._known.get(small)
        if found is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            found = self._known[small] = self._replaced(small)
        if small is word or small == word:
            return found
        return bytes(new & 0xDF if 0x41 <= old <= 0x5A else new for old, new in zip(word, found, strict=True))

    def _replaced(self, word: bytes) -> bytes:
        if len(word) > _LONGEST or not word.isascii():
            return self._strewn(word)
        number, bound, shape = 0, 1, bytearray()
        for octet in word:
            alphabet = _DIGITS if 0x30 <= octet <= 0x39 else _LETTERS
            number = number * len(alphabet) + alphabet.index(octet)
            bound *= len(alphabet)
            shape.append(len(alphabet))
        number = self._permutation.moved(number, bound, bytes(shape))
        letters = bytearray()
        for size in reversed(shape):
            number, place = divmod(number, size)
            letters.append((_DIGITS if size == len(_DIGITS) else _LETTERS)[place])
        return bytes(reversed(letters))

    def _strewn(self, word: bytes) -> bytes:
        """One that is too long to be counted, or not all ASCII; UTF-8 stays UTF-8."""
        chance = self._permutation.octets(b"word" + word, len(word))
        try:
            characters = [character.encode() for character in word.decode()]
        except UnicodeDecodeError:
            characters = [bytes((octet,)) for octet in word]
        result, at = bytearray(), 0
        for character in characters:
            result += _like(character, chance[at : at + len(character)])
            at += len(character)
        return bytes(result)


def _like(character: bytes, chance: bytes) -> bytes:
    """Another character of as many octets, made of as many octets of chance."""
    if len(character) == 1:
        if character[0] >= 0x80:
            return bytes((0xC0 + chance[0] % 0x3F,))
        alphabet = _DIGITS if character.isdigit() else _LETTERS
        return bytes((alphabet[chance[0] % len(alphabet)],))
    if len(character) == 2:
        return _TWO_OCTETS[chance[0] % len(_TWO_OCTETS)].encode()
    if len(character) == 3:
        return chr(0x4E00 + int.from_bytes(chance[:2], "big") % 0x5000).encode()
    return chr(0x1F400 + chance[0] % 0x3F).encode()
