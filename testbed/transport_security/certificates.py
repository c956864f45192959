"""A server's certificate chain, judged at a time: does it prove that the server is who it should be (RFC 5280, 9525)?

Nothing of the machine's clock or trust store counts: both come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.verification import PolicyBuilder

MAX_CHAIN = 10


class NotProven(ValueError):
    """Why a chain proves nothing, as the rest of a sentence; ``result`` is the word of RFC 8460 §4.3 for it."""

    def __init__(self, result: str, text: str) -> None:
        super().__init__(text)
        self.result = result


def read_chain(chain: Sequence[bytes]) -> list[Certificate]:
    """The certificates in DER, the server's first; further ones than :data:`MAX_CHAIN` are left out.

    Raises NotProven for none, and for what is no certificate.
    """
    from cryptography import x509

    if not chain:
        raise NotProven("validation-failure", "the server showed no certificate")
    try:
        return [x509.load_der_x509_certificate(octets) for octets in chain[:MAX_CHAIN]]
    except ValueError:
        raise NotProven("validation-failure", "the server's certificate cannot be read") from None


def prove(chain: Sequence[bytes], anchors: Sequence[bytes], names: Sequence[str], at: float) -> None:
    """Nothing where the chain leads to an anchor and the certificate bears one of the names; else raises NotProven.

    All certificates are in DER; ``at`` is in seconds since the epoch.
    """
    from cryptography import x509
    from cryptography.x509.verification import Store, VerificationError

    certificates = read_chain(chain)
    leaf, now = certificates[0], datetime.fromtimestamp(at, UTC)
    if now > leaf.not_valid_after_utc:
        raise NotProven("certificate-expired", f"the certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if now < leaf.not_valid_before_utc:
        start = leaf.not_valid_before_utc
        raise NotProven("certificate-expired", f"the certificate is not valid before {start:%Y-%m-%d}")
    borne = names_in(leaf)
    name = next((name for name in names if any(covers(one, name) for one in borne)), None)
    if name is None:
        whose = ", ".join(borne[:3])[:200] or "nobody"
        raise NotProven("certificate-host-mismatch", f"the certificate is for {whose}, not for {' or '.join(names)}")
    store = Store([x509.load_der_x509_certificate(anchor) for anchor in anchors])
    verifier = _policy().store(store).time(now).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(leaf, certificates[1:])
    except VerificationError:
        raise NotProven("certificate-not-trusted", "nobody who is trusted vouches for the certificate") from None


def names_in(certificate: Certificate) -> list[str]:
    """The host names a certificate is for."""
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return extension.value.get_values_for_type(x509.DNSName)[:100]


def covers(name: str, host: str) -> bool:
    """Whether a name in a certificate is a host's; a wildcard stands for one whole label, the first (RFC 9525 §6.3)."""
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    return name == host or (name.startswith("*.") and "." in host and name[1:] == host[host.index(".") :])


def _policy() -> PolicyBuilder:
    """What the Web asks of certificates besides, nobody asks of mail servers."""
    from cryptography import x509
    from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder

    anyhow = Criticality.AGNOSTIC
    authority = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, anyhow, None)
    server = ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, anyhow, None)
    return PolicyBuilder().extension_policies(ca_policy=authority, ee_policy=server)
