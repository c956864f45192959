"""TLS on the wire (RFC 8446, RFC 5246): the hello messages, and versions and alerts in words.

Nothing is decrypted here: :mod:`testbed.protocols.record_protection` does that.
"""

from __future__ import annotations

import struct

from msgspec import Struct

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
HEADER = 5  # octets: type, version, length
MOST_IN_RECORD = (1 << 14) + 2048
"""The longest fragment a record may hold (RFC 5246 §6.2.3)."""

TLS_1_0, TLS_1_1, TLS_1_2 = 0x0301, 0x0302, 0x0303
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

_SERVER_NAME, _ALPN, _SUPPORTED_VERSIONS = 0, 16, 43
TRUNCATED_HMAC, ENCRYPT_THEN_MAC, PRE_SHARED_KEY, EARLY_DATA = 4, 22, 41, 42
"""Extensions (RFC 6066 §7, RFC 7366, RFC 8446 §4.2)."""
# The random of a ServerHello that asks for another ClientHello (RFC 8446 §4.1.3).
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_MOST_CERTIFICATES = 10


class Plaintext(Struct, frozen=True):
    """What a record holds once it is opened: its true content type and its content (RFC 8446 §5.1, §5.2)."""

    kind: int
    octets: bytes


class Hello(Struct, frozen=True):
    """A ClientHello or ServerHello (RFC 8446 §4.1.2, §4.1.3).

    ``version`` is the highest the client offers, or the one the server chose; ``cipher`` is the server's choice and 0
    in a ClientHello; ``server_name`` and ``alpn`` are as sent, ``b""`` where the extension is missing.  ``session`` is
    the session's identifier, ``offered`` the client's suites, ``extensions`` the numbers of all extensions.
    """

    random: bytes
    version: int
    cipher: int
    server_name: bytes
    alpn: tuple[bytes, ...]
    session: bytes = b""
    offered: tuple[int, ...] = ()
    compression: int = 0
    extensions: frozenset[int] = frozenset()

    @property
    def asks_again(self) -> bool:
        """Whether it is a HelloRetryRequest (RFC 8446 §4.1.4)."""
        return self.random == _RETRY


def version_name(version: int) -> str:
    """``TLS 1.3``; a number where it has no name, ``""`` for 0."""
    return VERSIONS.get(version, f"0x{version:04x}" if version else "")


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
        session = reader.vector(1)
        cipher, offered, compression = 0, b"", 0
        if message[0] == CLIENT_HELLO:
            offered = reader.vector(2)
            reader.vector(1)  # compression methods
        else:
            cipher = reader.number(2)
            compression = reader.number(1)
        extensions = _extensions(_Reader(reader.vector(2))) if reader.rest() else {}
        return Hello(
            random,
            _version(version, extensions.get(_SUPPORTED_VERSIONS, b"")),
            cipher,
            _server_name(extensions.get(_SERVER_NAME, b"")),
            _protocols(extensions.get(_ALPN, b"")),
            session,
            tuple(number for (number,) in struct.iter_unpack(">H", offered[: len(offered) & ~1])),
            compression,
            frozenset(extensions),
        )
    except ValueError:
        return None


def encrypted_extensions(message: bytes) -> frozenset[int]:
    """The numbers of what an EncryptedExtensions message holds (RFC 8446 §4.3.1), of a damaged one nothing."""
    try:
        return frozenset(_extensions(_Reader(_Reader(message[4:]).vector(2))))
    except ValueError:
        return frozenset()


def certificates_of(message: bytes, version: int) -> tuple[bytes, ...]:
    """The certificates, DER, of a Certificate message, the sender's own first; few at most.

    RFC 8446 §4.4.2, up to TLS 1.2 RFC 5246 §7.4.2.  Of a damaged one those that came whole.
    """
    found: list[bytes] = []
    message_reader = _Reader(message[4:])
    try:
        if version > TLS_1_2:
            message_reader.vector(1)  # the context of a request
        entries = _Reader(message_reader.take(min(message_reader.number(3), message_reader.rest())))
        while entries.rest() and len(found) < _MOST_CERTIFICATES:
            found.append(entries.vector(3))
            if version > TLS_1_2:
                entries.vector(2)  # extensions
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
