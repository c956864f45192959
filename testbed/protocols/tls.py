"""TLS on the wire (RFC 8446, RFC 5246): the hello messages, and versions, cipher suites and alerts in words.

Only what is sent in clear is read here; nothing is decrypted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
HEADER = 5  # octets: type, version, length
MOST_IN_RECORD = (1 << 14) + 2048
"""The longest fragment a record may hold (RFC 5246 §6.2.3)."""

TLS_1_2 = 0x0303
VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}

CLOSE_NOTIFY, USER_CANCELED = 0, 90

# RFC 8446 §6.2, RFC 5246 §7.2.2: the name of an alert, and what it says about the other side.
ALERTS = {
    0: ("close_notify", "it has nothing more to send"),
    10: ("unexpected_message", "a message came where it does not belong"),
    20: ("bad_record_mac", "a record was damaged or changed on the way"),
    21: ("decryption_failed", "a record could not be decrypted"),
    22: ("record_overflow", "a record was too long"),
    30: ("decompression_failure", "a record could not be unpacked"),
    40: ("handshake_failure", "the two sides have no cipher or parameters in common"),
    41: ("no_certificate", "there is no certificate to show"),
    42: ("bad_certificate", "the certificate is damaged or its signature is wrong"),
    43: ("unsupported_certificate", "the certificate is of a kind it cannot use"),
    44: ("certificate_revoked", "the certificate was revoked by its issuer"),
    45: ("certificate_expired", "the certificate has expired or is not valid yet"),
    46: ("certificate_unknown", "the certificate is not acceptable; often it is for another name"),
    47: ("illegal_parameter", "a field of the handshake has a value that is not allowed"),
    48: ("unknown_ca", "the certificate's issuer is not trusted"),
    49: ("access_denied", "the certificate is good, but it is not allowed in"),
    50: ("decode_error", "a message could not be read"),
    51: ("decrypt_error", "a signature or check in the handshake is wrong"),
    60: ("export_restriction", "a key is longer than export rules allow"),
    70: ("protocol_version", "the two sides have no version of TLS in common"),
    71: ("insufficient_security", "only stronger ciphers than those offered are accepted"),
    80: ("internal_error", "something failed in its own software"),
    86: ("inappropriate_fallback", "the client tries an older version than it could"),
    90: ("user_canceled", "the handshake was cancelled"),
    100: ("no_renegotiation", "it will not negotiate again"),
    109: ("missing_extension", "an extension that must be there is missing"),
    110: ("unsupported_extension", "the answer has an extension nobody asked for"),
    111: ("certificate_unobtainable", "a certificate could not be fetched"),
    112: ("unrecognized_name", "no server of that name is here (SNI)"),
    113: ("bad_certificate_status_response", "the OCSP answer about the certificate is not acceptable"),
    115: ("unknown_psk_identity", "the pre-shared key is not known"),
    116: ("certificate_required", "the client must show a certificate"),
    120: ("no_application_protocol", "the two sides have no application protocol in common (ALPN)"),
}

# The suites mail servers choose (IANA); others are shown as numbers.
_CIPHERS = {
    0x0004: "TLS_RSA_WITH_RC4_128_MD5",
    0x0005: "TLS_RSA_WITH_RC4_128_SHA",
    0x000A: "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    0x002F: "TLS_RSA_WITH_AES_128_CBC_SHA",
    0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
    0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA",
    0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
    0x003C: "TLS_RSA_WITH_AES_128_CBC_SHA256",
    0x003D: "TLS_RSA_WITH_AES_256_CBC_SHA256",
    0x009C: "TLS_RSA_WITH_AES_128_GCM_SHA256",
    0x009D: "TLS_RSA_WITH_AES_256_GCM_SHA384",
    0x009E: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
    0x009F: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    0xC00A: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    0xC013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    0xC014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    0xC027: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    0xC028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCAA: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

_SERVER_NAME, _ALPN, _SUPPORTED_VERSIONS = 0, 16, 43
_MOST_CERTIFICATES = 10


@dataclass(frozen=True, slots=True)
class Plaintext:
    """What a record holds once it is opened: its true content type and its content (RFC 8446 §5.1, §5.2).

    Of handshake messages it is the certificates, as in :func:`certificate_list`.
    """

    kind: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """A ClientHello or ServerHello (RFC 8446 §4.1.2, §4.1.3).

    ``version`` is the highest the client offers, or the one the server chose; ``cipher`` is the server's choice and 0
    in a ClientHello; ``server_name`` and ``alpn`` are as sent, ``b""`` where the extension is missing.
    """

    random: bytes
    version: int
    cipher: int
    server_name: bytes
    alpn: tuple[bytes, ...]


def version_name(version: int) -> str:
    """``TLS 1.3``; a number where it has no name, ``""`` for 0."""
    return VERSIONS.get(version, f"0x{version:04x}" if version else "")


def cipher_name(cipher: int) -> str:
    """IANA's name of a cipher suite, or its number."""
    return _CIPHERS.get(cipher, f"0x{cipher:04x}")


def alert_name(code: int) -> tuple[str, str]:
    """The name of an alert and what it means, as the end of a sentence."""
    return ALERTS.get(code, (f"alert {code}", "an alert without a name in RFC 8446"))


def parse_hello(message: bytes) -> Hello | None:
    """Read a whole hello message, handshake header included; None where it is none or is damaged."""
    if len(message) < 4 or message[0] not in (CLIENT_HELLO, SERVER_HELLO):
        return None
    reader = _Reader(message[4 : 4 + int.from_bytes(message[1:4], "big")])
    try:
        version = reader.number(2)
        random = reader.take(32)
        reader.vector(1)  # session id
        if message[0] == CLIENT_HELLO:
            cipher = 0
            reader.vector(2)  # cipher suites
            reader.vector(1)  # compression methods
        else:
            cipher = reader.number(2)
            reader.take(1)
        extensions = _extensions(_Reader(reader.vector(2))) if reader.rest() else {}
        name = _server_name(extensions.get(_SERVER_NAME, b""))
        alpn = _protocols(extensions.get(_ALPN, b""))
        return Hello(random, _version(version, extensions.get(_SUPPORTED_VERSIONS, b"")), cipher, name, alpn)
    except ValueError:
        return None


def certificates_of(message: bytes) -> tuple[bytes, ...]:
    """The certificates, DER, of a Certificate message in clear (RFC 5246 §7.4.2), the sender's own first; few at most.

    Of a damaged one those that came whole.
    """
    try:
        return certificate_list(_Reader(message[4:]).vector(3))
    except ValueError:
        return ()


def certificate_list(octets: bytes) -> tuple[bytes, ...]:
    """Certificates that stand one after the other, each behind its length in three octets."""
    reader = _Reader(octets)
    found: list[bytes] = []
    try:
        while reader.rest() and len(found) < _MOST_CERTIFICATES:
            found.append(reader.vector(3))
    except ValueError:
        pass
    return tuple(found)


class _Reader:
    """Takes fields off the front.  Raises ValueError where there is too little."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def rest(self) -> int:
        return len(self._octets) - self._at

    def take(self, count: int) -> bytes:
        if count > self.rest():
            raise ValueError("the message breaks off")
        self._at += count
        return self._octets[self._at - count : self._at]

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    def vector(self, length_octets: int) -> bytes:
        return self.take(self.number(length_octets))


def _extensions(reader: _Reader) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while reader.rest():
        kind = reader.number(2)
        found.setdefault(kind, reader.vector(2))
    return found


def _server_name(extension: bytes) -> bytes:
    """The host name of a client's list (RFC 6066 §3); a server's is empty."""
    if not extension:
        return b""
    names = _Reader(_Reader(extension).vector(2))
    while names.rest():
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return name
    return b""


def _protocols(extension: bytes) -> tuple[bytes, ...]:
    """The protocol names of RFC 7301 §3.1."""
    found = []
    names = _Reader(_Reader(extension).vector(2)) if extension else _Reader(b"")
    while names.rest():
        found.append(names.vector(1))
    return tuple(found)


def _version(legacy: int, extension: bytes) -> int:
    """RFC 8446 §4.2.1: a list of versions from the client, one from the server; unknown ones are grease (RFC 8701)."""
    if len(extension) == 2:
        return int.from_bytes(extension, "big")
    listed = extension[1:]
    versions = [v for (v,) in struct.iter_unpack(">H", listed[: len(listed) & ~1]) if v in VERSIONS]
    return max(versions, default=legacy)
