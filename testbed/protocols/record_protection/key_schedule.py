"""Secrets to keys: HKDF-Expand-Label (RFC 8446 §7.1) and the PRF of older versions (RFC 5246 §5, RFC 2246 §5)."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from itertools import accumulate, islice, repeat

from testbed.protocols.tls import TLS_1_2


def expand_label(secret: bytes, label: str, octets: int, hash_name: str) -> bytes:
    """HKDF-Expand-Label with an empty context, as all that is derived from a traffic secret has."""
    name = b"tls13 " + label.encode()
    info = octets.to_bytes(2, "big") + bytes((len(name),)) + name + b"\0"
    block, out = b"", b""
    for counter in range(1, 256):
        block = hmac.digest(secret, block + info + bytes((counter,)), hash_name)
        out += block
        if len(out) >= octets:
            break
    return out[:octets]


def key_block(master: bytes, seed: bytes, octets: int, version: int, hash_name: str) -> bytes:
    """The key block of TLS up to 1.2; ``seed`` is the server's random, then the client's (RFC 5246 §6.3)."""
    labelled = b"key expansion" + seed
    if version >= TLS_1_2:
        return _p_hash(master, labelled, octets, "sha384" if hash_name == "sha384" else "sha256")
    half = (len(master) + 1) // 2
    md5, sha1 = _p_hash(master[:half], labelled, octets, "md5"), _p_hash(master[-half:], labelled, octets, "sha1")
    return bytes(one ^ other for one, other in zip(md5, sha1, strict=True))


def _p_hash(secret: bytes, seed: bytes, octets: int, hash_name: str) -> bytes:
    chain: Iterator[bytes] = accumulate(
        repeat(b""), lambda before, _: hmac.digest(secret, before, hash_name), initial=seed
    )
    count = -(-octets // hmac.new(secret, b"", hash_name).digest_size)
    blocks = (hmac.digest(secret, link + seed, hash_name) for link in islice(chain, 1, 1 + count))
    return b"".join(blocks)[:octets]
