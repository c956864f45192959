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
    """

    def __init__(self, keylog: Path) -> None:
        import trustme

        self._keylog = keylog
        self._authority = trustme.CA()
        self._servers: dict[tuple[str, str], ssl.SSLContext] = {}

    @property
    def certificate(self) -> trustme.Blob:
        """Its own, PEM: for clients that are to trust it."""
        return self._authority.cert_pem

    def pem(self, name: str) -> tuple[bytes, bytes]:
        """A certificate with its chain, and its key, as files hold them: for a program that plays that host."""
        leaf = self._certificate(name, "")
        return b"".join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes()

    def server(self, name: str, flaw: str = "") -> ssl.SSLContext:
        """What a server of that name secures its connections with; ``flaw`` is a word of TlsFault, or nothing."""
        if (name, flaw) not in self._servers:
            self._servers[name, flaw] = self._server(name, flaw)
        return self._servers[name, flaw]

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

    def _server(self, name: str, flaw: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if flaw == "self-signed":
            _use_own_certificate(context)
        else:
            self._certificate(name, flaw).configure_cert(context)
        if flaw == "handshake-failure":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(_HOPELESS_CIPHER)
        context.num_tickets = 0  # nobody resumes a session here
        context.keylog_filename = str(self._keylog)
        return context

    def _certificate(self, name: str, flaw: str) -> trustme.LeafCert:
        if flaw == "expired":
            start, end = (datetime.now(UTC) - before for before in _LONG_AGO)
            return self._authority.issue_cert(name, common_name=_common(name), not_before=start, not_after=end)
        name = _SOMEBODY_ELSE if flaw == "wrong-name" else name
        return self._authority.issue_cert(name, common_name=_common(name))


def _common(name: str) -> str | None:
    """The name as the subject's, without which some clients take no certificate; no longer one fits (RFC 5280)."""
    return name if len(name) <= _LONGEST_COMMON_NAME else None


def _use_own_certificate(context: ssl.SSLContext) -> None:
    """A certificate signed by its own key, which nobody vouches for: that of an authority nobody knows is one."""
    import trustme

    stranger = trustme.CA()
    with stranger.cert_pem.tempfile() as certificate, stranger.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
