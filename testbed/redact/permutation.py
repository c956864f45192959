"""Keyed permutations of the numbers below a bound: the same replacement for the same thing, never for two.

They need no memory of what was replaced before, so several captures, or processes, agree without talking to each other.
"""

from __future__ import annotations

from hashlib import blake2b

_FORWARDS = (0, 1, 2, 3, 4, 5)
_BACKWARDS = _FORWARDS[::-1]


class Permutation:
    """Permutations under one secret key of up to 64 octets."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def moved(self, number: int, bound: int, domain: bytes) -> int:
        """Another number below ``bound`` for one below it; each ``domain`` has a permutation of its own.

        All numbers lie on one cycle, so none stays where it is, unless it is the only one.
        """
        place = self._mixed(_BACKWARDS, number, bound, domain)
        return self._mixed(_FORWARDS, (place + 1) % bound, bound, domain)

    def octets(self, seed: bytes, count: int) -> bytes:
        """So many octets that follow from the seed."""
        found = b"".join(
            self._hash(b"octets" + block.to_bytes(4, "big") + seed, 64) for block in range(-(-count // 64))
        )
        return found[:count]

    def _mixed(self, rounds: tuple[int, ...], number: int, bound: int, domain: bytes) -> int:
        """A Feistel network over the next even number of bits, again and again until the bound is kept."""
        half = max(1, ((bound - 1).bit_length() + 1) // 2)
        low = (1 << half) - 1
        while True:
            left, right = number >> half, number & low
            for turn in rounds:
                if rounds is _FORWARDS:
                    left, right = right, left ^ self._round(turn, right, half, domain)
                else:
                    left, right = right ^ self._round(turn, left, half, domain), left
            number = left << half | right
            if number < bound:
                return number

    def _round(self, turn: int, value: int, bits: int, domain: bytes) -> int:
        size = (bits + 7) // 8
        seed = bytes((turn,)) + domain + b"\0" + value.to_bytes(size, "big")
        return int.from_bytes(self._hash(seed, size), "big") & ((1 << bits) - 1)

    def _hash(self, seed: bytes, size: int) -> bytes:
        return blake2b(seed, digest_size=size, key=self._key).digest()
