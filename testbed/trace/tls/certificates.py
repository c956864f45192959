"""What is wrong with a server's certificate (RFC 5280, RFC 9525)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from testbed.durations import SECOND
from testbed.protocols.text import printable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as _Read

ABOUT_CERTIFICATES = frozenset({42, 43, 44, 45, 46, 48})
"""Alerts that complain of a certificate (RFC 8446 §6.2)."""
_MOST_LETTERS, _MOST_NAMES = 500, 100


class Flaw(Struct, frozen=True):
    """Why a client does not accept a certificate: the code of the finding, and the rest of its sentence."""

    code: str
    text: str


class Certificate(Struct, frozen=True):
    """What a certificate says of itself: for whom, by whom (RFC 4514), from when to when (RFC 3339).

    ``names`` are the host names it is for, ``sha256`` its fingerprint.
    """

    subject: str
    issuer: str
    not_before: str
    not_after: str
    names: tuple[str, ...]
    sha256: str


def certificate_of(octets: bytes) -> Certificate | None:
    """The certificate in DER; None where it is none that can be read."""
    if not octets:
        return None
    from hashlib import sha256

    from cryptography import x509

    try:
        found = x509.load_der_x509_certificate(octets)
        return Certificate(
            subject=printable(found.subject.rfc4514_string())[:_MOST_LETTERS],
            issuer=printable(found.issuer.rfc4514_string())[:_MOST_LETTERS],
            not_before=f"{found.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            not_after=f"{found.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            names=tuple(printable(name)[:_MOST_LETTERS] for name in _names(found)[:_MOST_NAMES]),
            sha256=sha256(octets).hexdigest(),
        )
    except Exception:  # whatever somebody put into it
        return None


def flaw_of(certificate: bytes, server_name: str, time_ns: int) -> Flaw | None:
    """What is wrong with a certificate (DER) for a client that asked for ``server_name`` at that time.

    None where nothing is that can be seen: whether its issuer is trusted is not.
    """
    from cryptography import x509  # costs a tenth of a second

    try:
        found = x509.load_der_x509_certificate(certificate)
        names = _names(found)
        end, start = found.not_valid_after_utc, found.not_valid_before_utc
        own = found.issuer == found.subject
    except Exception:  # whatever somebody put into it
        return None
    now = datetime.fromtimestamp(time_ns // SECOND, UTC)
    if own:
        return Flaw("tls-certificate-self-signed", "it is signed by its own key, and nobody vouches for it")
    if end < now:
        return Flaw("tls-certificate-expired", f"it expired on {end:%Y-%m-%d}")
    if start > now:
        return Flaw("tls-certificate-expired", f"it is not valid before {start:%Y-%m-%d}")
    if server_name and not any(_covers(name, server_name) for name in names):
        told = ", ".join(printable(name)[:100] for name in names[:3]) or "nobody"
        return Flaw("tls-certificate-wrong-name", f"it is for {told}, not for {server_name}")
    return None


def _names(certificate: _Read) -> list[str]:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _covers(name: str, host: str) -> bool:
    """RFC 9525 §6.3: a wildcard stands for one whole label, the first."""
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    return name == host or (name.startswith("*.") and name[1:] == host[host.find(".") :])
