"""The keys of one direction: they open its records, one after the other, or say that one cannot be theirs."""

from __future__ import annotations

import hmac
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from testbed.protocols.record_protection.key_schedule import expand_label
from testbed.protocols.record_protection.suites import Suite
from testbed.protocols.tls import HEADER, TLS_1_1, Plaintext

_MOST = 1 << 14  # octets of plain text in a record (RFC 8446 §5.1)
_BLOCK = 16
_EXPLICIT = 8  # octets of a nonce that the record brings along (RFC 5288 §3)


class NotTheirs(Exception):
    """A record that these keys, at this place of the sequence, did not protect."""


class Keys(Protocol):
    """What opens the records of one direction."""

    def open(self, record: bytes) -> Plaintext:
        """The next record, header included.  Raises NotTheirs, and stays where it was."""


class _Aead(Protocol):
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


def _aead(suite: Suite, key: bytes) -> _Aead:
    if suite.mode == "CHACHA20_POLY1305":
        return ChaCha20Poly1305(key)
    if suite.mode == "GCM":
        return AESGCM(key)
    return AESCCM(key, tag_length=8 if suite.mode == "CCM_8" else 16)


class TrafficKeys:
    """Those of a traffic secret of TLS 1.3 (RFC 8446 §5.2, §7.3)."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._suite, self._secret = suite, secret
        self._cipher = _aead(suite, expand_label(secret, "key", suite.key_octets, suite.hash))
        self._iv = int.from_bytes(expand_label(secret, "iv", 12, suite.hash), "big")
        self._sequence = 0

    def open(self, record: bytes) -> Plaintext:
        if len(record) > HEADER + _MOST + 256:
            raise NotTheirs
        nonce = (self._iv ^ self._sequence).to_bytes(12, "big")
        inner = _decrypted(self._cipher, nonce, record[HEADER:], record[:HEADER]).rstrip(b"\0")
        if not inner or len(inner) > _MOST + 1:
            raise NotTheirs
        self._sequence += 1
        return Plaintext(inner[-1], inner[:-1])

    def updated(self) -> TrafficKeys:
        """Those behind a KeyUpdate (RFC 8446 §7.2)."""
        return TrafficKeys(self._suite, expand_label(self._secret, "traffic upd", len(self._secret), self._suite.hash))


class AeadKeys:
    """Those of an AEAD in TLS 1.2 (RFC 5246 §6.2.3.3)."""

    def __init__(self, suite: Suite, key: bytes, fixed_iv: bytes) -> None:
        self._cipher, self._iv = _aead(suite, key), fixed_iv
        self._tag = 8 if suite.mode == "CCM_8" else 16
        self._explicit = 0 if len(fixed_iv) == 12 else _EXPLICIT
        self._sequence = 0

    def open(self, record: bytes) -> Plaintext:
        sealed = record[HEADER + self._explicit :]
        octets = len(sealed) - self._tag
        if octets < 0 or octets > _MOST:
            raise NotTheirs
        if self._explicit:
            nonce = self._iv + record[HEADER : HEADER + _EXPLICIT]
        else:
            nonce = (int.from_bytes(self._iv, "big") ^ self._sequence).to_bytes(12, "big")
        said = _decrypted(self._cipher, nonce, sealed, _told(self._sequence, record, octets))
        self._sequence += 1
        return Plaintext(record[0], said)


class CbcKeys:
    """Those of AES in CBC mode with HMAC (RFC 5246 §6.2.3.2, RFC 4346, RFC 2246 §6.2.3.2, RFC 7366)."""

    def __init__(
        self, suite: Suite, key: bytes, mac_key: bytes, iv: bytes, version: int, *, encrypt_then_mac: bool
    ) -> None:
        self._suite, self._key, self._mac_key = suite, key, mac_key
        self._iv = b"" if version >= TLS_1_1 else iv  # of TLS 1.0 the end of the record before
        self._then_mac = encrypt_then_mac
        self._sequence = 0

    def open(self, record: bytes) -> Plaintext:
        sealed, mac = record[HEADER:], b""
        if self._then_mac:
            sealed, mac = sealed[: -self._suite.mac_octets], sealed[-self._suite.mac_octets :]
            self._check(mac, record, sealed)
        iv, secret = (self._iv, sealed) if self._iv else (sealed[:_BLOCK], sealed[_BLOCK:])
        if not secret or len(secret) % _BLOCK or len(iv) != _BLOCK:
            raise NotTheirs
        decryptor = Cipher(algorithms.AES(self._key), modes.CBC(iv)).decryptor()
        padded = decryptor.update(secret) + decryptor.finalize()
        padding = padded[-1] + 1
        said = padded[:-padding]
        if len(padded) < padding or padded[-padding:] != bytes((padding - 1,)) * padding:
            raise NotTheirs
        if not self._then_mac:
            said, mac = said[: -self._suite.mac_octets], said[-self._suite.mac_octets :]
            self._check(mac, record, said)
        if len(said) > _MOST:
            raise NotTheirs
        self._sequence += 1
        if self._iv:
            self._iv = secret[-_BLOCK:]
        return Plaintext(record[0], said)

    def _check(self, mac: bytes, record: bytes, covered: bytes) -> None:
        whole = _told(self._sequence, record, len(covered)) + covered
        if not hmac.compare_digest(mac, hmac.digest(self._mac_key, whole, self._suite.hash)):
            raise NotTheirs


def _told(sequence: int, record: bytes, octets: int) -> bytes:
    """What is authenticated besides the content: its number, type, version and length."""
    return sequence.to_bytes(8, "big") + record[:3] + octets.to_bytes(2, "big")


def _decrypted(cipher: _Aead, nonce: bytes, sealed: bytes, told: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, sealed, told)
    except (InvalidTag, ValueError) as error:  # ValueError: shorter than a tag
        raise NotTheirs from error
