"""DKIM's keys: the record that publishes one, and the pair that a signer has (RFC 6376 §3.6.1, RFC 8463)."""

from __future__ import annotations

import base64
from typing import Literal, get_args

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from msgspec import Struct

from testbed.authentication import tags

KeyType = Literal["rsa", "ed25519"]
# RFC 8301 §3.2: shorter ones must not be taken for valid.  OpenSSL computes with none that are longer.
MIN_RSA_BITS, MAX_RSA_BITS = 1024, 16_384
_SHA256 = hashes.SHA256()
_ED25519_OCTETS = 32


class Unusable(Exception):
    """Why nothing can be verified with a key, as a sentence without its subject."""


class Revoked(Unusable):
    """The owner of a key says that it no longer counts: ``p=`` is empty (RFC 6376 §3.6.1)."""


class PublicKey(Struct, frozen=True):
    """A key as its record has it.  ``bits`` is 256 of Ed25519."""

    key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey
    type: KeyType
    bits: int
    testing: bool = False
    strict: bool = False

    def fits(self, signature: bytes, hashed: bytes) -> bool:
        """Whether a signature is this key's over these octets, by SHA-256 (RFC 6376 §3.7, RFC 8463 §3)."""
        try:
            if isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, hashed, padding.PKCS1v15(), _SHA256)
            else:
                self.key.verify(signature, _sha256(hashed))
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            return False
        return True


def published(record: str) -> PublicKey:
    """The key of a record at ``selector._domainkey.domain``; raises :class:`Unusable`."""
    try:
        found = tags.parse(record)
        octets = tags.octets_of(found.get("p", ""), "p")
    except tags.Malformed as error:
        raise Unusable(f"cannot be read: {error}") from None
    if "v" in found and (next(iter(found)) != "v" or found["v"] != "DKIM1"):
        raise Unusable("is none of DKIM: v= is not DKIM1, or not its first tag")
    if "p" not in found:
        raise Unusable("has no p=, so no key")
    if not octets:
        raise Revoked("has been revoked: p= is empty")
    kind = found.get("k", "rsa")
    if kind not in get_args(KeyType):
        raise Unusable(f"is of the type k={kind[:20]}, which nobody knows")
    if "h" in found and "sha256" not in tags.without_space(found["h"]).split(":"):
        raise Unusable("does not allow SHA-256 (h=)")
    if not {"*", "email"} & set(tags.without_space(found.get("s", "*")).split(":")):
        raise Unusable("is not for e-mail (s=)")
    flags = tags.without_space(found.get("t", "")).split(":")
    key = _rsa(octets) if kind == "rsa" else _ed25519(octets)
    bits = key.key_size if isinstance(key, rsa.RSAPublicKey) else 256
    return PublicKey(key, "rsa" if kind == "rsa" else "ed25519", bits, "y" in flags, "s" in flags)


def _rsa(octets: bytes) -> rsa.RSAPublicKey:
    try:
        key = serialization.load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable("holds no RSA key that can be read") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise Unusable("says k=rsa, and holds a key of another type")
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        few = key.key_size < MIN_RSA_BITS
        why = (
            f"at least {MIN_RSA_BITS:,} are asked for (RFC 8301 §3.2)"
            if few
            else f"more than {MAX_RSA_BITS:,} are none"
        )
        raise Unusable(f"has {key.key_size:,} bits, and {why}")
    return key


def _ed25519(octets: bytes) -> ed25519.Ed25519PublicKey:
    if len(octets) != _ED25519_OCTETS:
        raise Unusable(f"says k=ed25519, and has {len(octets)} octets, not {_ED25519_OCTETS} (RFC 8463 §4.2)")
    return ed25519.Ed25519PublicKey.from_public_bytes(octets)


class SigningKey(Struct, frozen=True):
    """The private half."""

    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

    @property
    def type(self) -> KeyType:
        """What k= says."""
        return "rsa" if isinstance(self.key, rsa.RSAPrivateKey) else "ed25519"

    @property
    def record(self) -> str:
        """What to publish in TXT at ``selector._domainkey.domain``."""
        public = self.key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        else:
            octets = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k={self.type}; p={base64.b64encode(octets).decode()}"

    def signed(self, hashed: bytes) -> bytes:
        """The signature over these octets, by SHA-256."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(hashed, padding.PKCS1v15(), _SHA256)
        return self.key.sign(_sha256(hashed))


def generated(kind: KeyType, bits: int = 2048) -> SigningKey:
    """A new key; RSA takes some 50 ms with 2,048 bits.  Raises :class:`ValueError` for fewer than 1,024."""
    if kind == "ed25519":
        return SigningKey(ed25519.Ed25519PrivateKey.generate())
    return SigningKey(rsa.generate_private_key(65_537, bits))


def private_key(pem: bytes) -> SigningKey:
    """A key of a PEM file without password; raises :class:`ValueError`."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("the key is neither RSA nor Ed25519")
    return SigningKey(key)


def _sha256(octets: bytes) -> bytes:
    digest = hashes.Hash(_SHA256)
    digest.update(octets)
    return digest.finalize()
