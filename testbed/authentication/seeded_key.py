"""Signing keys that a seed decides, so that two runs of a lab sign alike.  They keep no secret."""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from testbed.authentication.keys import KeyType, SigningKey

_EXPONENT = 65_537
_SIEVED = 1 << 16  # candidates beyond a place: a prime of 2,048 bits stands well within that
_SMALL = 1 << 14


@lru_cache(maxsize=64)
def seeded_key(kind: KeyType, seed: str, bits: int = 2048) -> SigningKey:
    """The key of a seed; RSA of 2,048 bits takes half a second, of 1,024 a tenth of one, Ed25519 nothing."""
    lot = random.Random(seed)
    if kind == "ed25519":
        return SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(lot.randbytes(32)))
    while True:
        p, q = _prime(lot, bits // 2), _prime(lot, bits - bits // 2)
        if p != q and (p - 1) % _EXPONENT and (q - 1) % _EXPONENT:
            return SigningKey(_rsa(p, q))


def _rsa(p: int, q: int) -> rsa.RSAPrivateKey:
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *parts, public).private_key()


def _prime(lot: random.Random, bits: int) -> int:
    """A prime whose two highest bits are set, so that a product of two has all its bits.

    What small primes divide is sieved out, and Fermat's test to base 2 decides: of numbers drawn by lot, none that is
    composite has ever been seen to pass it.
    """
    place = lot.getrandbits(bits) | 3 << bits - 2 | 1
    left = np.ones(_SIEVED // 2, dtype=bool)  # place, place + 2, …
    for small in _small_primes():
        first = (-place * pow(2, -1, int(small))) % int(small)
        left[first :: int(small)] = False
    for step in np.flatnonzero(left):
        number = place + 2 * int(step)
        if pow(2, number - 1, number) == 1:
            return number
    raise AssertionError("no prime where thousands are to be expected")


@lru_cache(maxsize=1)
def _small_primes() -> npt.NDArray[np.intp]:
    sieve = np.ones(_SMALL, dtype=bool)
    sieve[:2] = False
    sieve[4::2] = False
    for number in range(3, int(_SMALL**0.5) + 1, 2):
        if sieve[number]:
            sieve[number * number :: number] = False
    return np.flatnonzero(sieve)[1:]
