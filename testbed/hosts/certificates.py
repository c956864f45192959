"""The lab's certification authority: right and wrong certificates for its hosts, and the keys of every TLS session."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

_SOMEBODY_ELSE = "mail.example.net"
_LONGEST_COMMON_NAME = 64
_SINCE = datetime(1950, 1, 1, tzinfo=UTC)
"""From when good certificates are valid: the clock of a machine that nobody has set begins at 1970."""
_LONG_AGO = timedelta(days=400), timedelta(days=30)  # before now: the validity of an expired certificate
# RSA key exchange, which a certificate with an elliptic curve cannot do: no client gets on with it.
_HOPELESS_CIPHER = "AES128-SHA256"


def preload() -> None:
    """Load what signs, which costs a tenth of a second; few labs need it."""
    import trustme  # noqa: F401


class Authority:
    """Signs for one lab and is thrown away with it.

    ``keylog`` is the file that gets the keys of every session, in the NSS key log format.  Validity is judged by
    OpenSSL, which knows the machine's time only; scenario time never goes back, so what has expired stays so.
    ``also`` are names and addresses that every certificate is for besides its server's, but one for a wrong name.
    """

    def __init__(self, keylog: Path, also: tuple[str, ...] = ()) -> None:
        self._keylog = keylog
        self._also = also
        self._authority = _authority()
        self._servers: dict[tuple[str, str, int, bool], ssl.SSLContext] = {}
        self._good: dict[tuple[str, int], trustme.LeafCert] = {}

    @property
    def certificate(self) -> trustme.Blob:
        """Its own, PEM: for clients that are to trust it."""
        return self._authority.cert_pem

    def pem(self, name: str) -> tuple[bytes, bytes]:
        """A certificate with its chain, and its key, as files hold them: for a program that plays that host."""
        leaf = self._leaf(name)
        return b"".join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes()

    def der(self, name: str, key: int = 1) -> bytes:
        """The certificate of a server's first, second … key, DER."""
        return ssl.PEM_cert_to_DER_cert(self._leaf(name, key).cert_chain_pems[0].bytes().decode())

    @property
    def anchor(self) -> bytes:
        """Its own certificate, DER."""
        return ssl.PEM_cert_to_DER_cert(self._authority.cert_pem.bytes().decode())

    def server(self, name: str, flaw: str = "", key: int = 1, *, shows_authority: bool = False) -> ssl.SSLContext:
        """What a server of that name secures its connections with; ``flaw`` is a word of TlsFault, or nothing.

        ``key`` counts the server's keys; with ``shows_authority`` the authority's certificate goes with its own.
        """
        which = name, flaw, key, shows_authority
        if which not in self._servers:
            self._servers[which] = self._server(name, flaw, key, shows_authority=shows_authority)
        return self._servers[which]

    def client(self, *, checks: bool, traced: bool = True) -> ssl.SSLContext:
        """A client that accepts good certificates of this authority, or any at all.

        The keys of its sessions are noted, unless they are not ``traced``.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if checks:
            self._authority.configure_trust(context)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if traced:
            context.keylog_filename = str(self._keylog)
        return context

    def _server(self, name: str, flaw: str, key: int, *, shows_authority: bool) -> ssl.SSLContext:
        import trustme

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if flaw == "self-signed":
            _use_own_certificate(context)
        else:
            leaf = self._certificate(name, flaw, key)
            chain = [*leaf.cert_chain_pems, *([self._authority.cert_pem] if shows_authority else [])]
            octets = b"".join(blob.bytes() for blob in (leaf.private_key_pem, *chain))
            with trustme.Blob(octets).tempfile() as file:
                context.load_cert_chain(file)
        if flaw == "handshake-failure":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(_HOPELESS_CIPHER)
        context.num_tickets = 0  # nobody resumes a session here
        context.keylog_filename = str(self._keylog)
        return context

    def _leaf(self, name: str, key: int = 1) -> trustme.LeafCert:
        """The good certificate of a server's key, always the same."""
        if (name, key) not in self._good:
            also = self._also if name != _SOMEBODY_ELSE else ()
            self._good[name, key] = self._authority.issue_cert(
                name, *also, common_name=_common(name), not_before=_SINCE
            )
        return self._good[name, key]

    def _certificate(self, name: str, flaw: str, key: int) -> trustme.LeafCert:
        if flaw == "expired":
            start, end = (datetime.now(UTC) - before for before in _LONG_AGO)
            common = _common(name)
            return self._authority.issue_cert(name, *self._also, common_name=common, not_before=start, not_after=end)
        return self._leaf(_SOMEBODY_ELSE if flaw == "wrong-name" else name, key)


def _authority() -> trustme.CA:
    """An authority of trustme's, whose own certificate is valid since long ago too."""
    import trustme
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    made = trustme.CA()
    key = made.private_key_pem.bytes()
    given = x509.load_pem_x509_certificate(made.cert_pem.bytes())
    signer = load_pem_private_key(key, None)
    assert isinstance(signer, EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(given.subject)
        .issuer_name(given.issuer)
        .public_key(signer.public_key())
        .serial_number(given.serial_number)
        .not_valid_before(_SINCE)
        .not_valid_after(given.not_valid_after_utc)
    )
    for extension in given.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return trustme.CA.from_pem(builder.sign(signer, SHA256()).public_bytes(Encoding.PEM), key)


def _common(name: str) -> str | None:
    """The name as the subject's, without which some clients take no certificate; no longer one fits (RFC 5280)."""
    return name if len(name) <= _LONGEST_COMMON_NAME else None


def _use_own_certificate(context: ssl.SSLContext) -> None:
    """A certificate signed by its own key, which nobody vouches for: that of an authority nobody knows is one."""
    stranger = _authority()
    with stranger.cert_pem.tempfile() as certificate, stranger.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
