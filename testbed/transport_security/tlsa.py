"""TLSA records for SMTP, and the chain they are matched against (RFC 6698 §2, RFC 7671, RFC 7672 §3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256, sha512
from typing import TYPE_CHECKING

from msgspec import Struct

from testbed.transport_security.certificates import NotProven, prove, read_chain

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

TRUST_ANCHOR, END_ENTITY = 2, 3  # the usages a client of SMTP goes by (RFC 7672 §3.1)
FULL, SHA_256, SHA_512 = 0, 1, 2  # matching types
_DIGESTS = {SHA_256: sha256, SHA_512: sha512}
_OCTETS = {SHA_256: 32, SHA_512: 64}
_RECORD = re.compile(r"(\d{1,3}) (\d{1,3}) (\d{1,3}) ([0-9A-Fa-f ]+)")
MAX_RECORDS = 100


class Tlsa(Struct, frozen=True):
    """A TLSA record: certificate usage, selector, matching type, and the data (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()[:16]}…"

    @property
    def text(self) -> str:
        """All of it, as zone files write it."""
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"

    @property
    def unusable(self) -> str:
        """Why a client of SMTP does not go by it, as the rest of a sentence; ``""`` where it does."""
        if self.usage in (0, 1):
            return f"usage {self.usage} is not for SMTP (RFC 7672 §3.1.3)"
        if self.usage not in (TRUST_ANCHOR, END_ENTITY):
            return f"usage {self.usage} is unknown"
        if self.selector not in (0, 1):
            return f"selector {self.selector} is unknown"
        if self.matching not in (FULL, SHA_256, SHA_512):
            return f"matching type {self.matching} is unknown"
        length = _OCTETS.get(self.matching, len(self.data))
        return "" if self.data and len(self.data) == length else "its data have the wrong length"

    def matches(self, certificate: Certificate) -> bool:
        """Whether it is about this certificate."""
        selected = selected_of(certificate, self.selector)
        digest = _DIGESTS.get(self.matching)
        return (selected if digest is None else digest(selected).digest()) == self.data


def read_tlsa(texts: Sequence[str]) -> tuple[Tlsa, ...]:
    """Records as zone files write them, ``3 1 1 …``; what is none is left out."""
    found = (_RECORD.fullmatch(text.strip()) for text in texts[:MAX_RECORDS])
    return tuple(Tlsa(int(f[1]), int(f[2]), int(f[3]), _hex(f[4])) for f in found if f is not None)


def tlsa_name(host: str, port: int = 25) -> str:
    """Where the records about a server stand (RFC 7672 §2.2)."""
    return f"_{port}._tcp.{host}"


def tlsa_text(certificate: bytes, usage: int, selector: int, matching: int) -> str:
    """The record about a certificate (DER), as zone files write it."""
    from cryptography import x509

    selected = selected_of(x509.load_der_x509_certificate(certificate), selector)
    digest = _DIGESTS.get(matching)
    return f"{usage} {selector} {matching} {(selected if digest is None else digest(selected).digest()).hex()}"


def usable(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    """The records a client goes by; of digests of one kind only the strongest (RFC 7671 §9)."""
    good = [record for record in records if not record.unusable]
    strongest: dict[tuple[int, int], int] = {}
    for record in good:
        kind = record.usage, record.selector
        strongest[kind] = max(strongest.get(kind, FULL), record.matching)
    return tuple(one for one in good if one.matching in (FULL, strongest[one.usage, one.selector]))


def authenticate(chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str], at: float) -> Tlsa:
    """The usable record that the server's chain (DER) matches; raises NotProven.

    Behind usage 3 neither names nor times count (RFC 7672 §3.1.1), behind usage 2 both do (§3.1.2); ``names`` are those
    the certificate may bear (§3.2.2), ``at`` is in seconds since the epoch.
    """
    certificates = read_chain(chain)
    failure: NotProven | None = None
    for record in usable(records):
        if record.usage == END_ENTITY:
            if record.matches(certificates[0]):
                return record
            continue
        anchors = [octets for octets, one in zip(chain, certificates, strict=False) if record.matches(one)]
        if record.matching == FULL and record.selector == 0 and not anchors:
            anchors = [record.data]  # the record itself brings the anchor
        try:
            if anchors:
                prove(chain, anchors, names, at)
                return record
        except NotProven as error:
            failure = error
        except ValueError:
            continue  # its data are no certificate
    if failure is not None:
        raise failure
    raise NotProven("validation-failure", f"its certificate matches no TLSA record ({told(records)})")


def told(records: Sequence[Tlsa]) -> str:
    """Some records in words."""
    shown = ", ".join(map(str, records[:3]))
    return f"{shown}, and {len(records) - 3} more" if len(records) > 3 else shown


def selected_of(certificate: Certificate, selector: int) -> bytes:
    """The part of a certificate that a selector names: all of it (0), or its public key (1)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if selector == 0:
        return certificate.public_bytes(Encoding.DER)
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _hex(text: str) -> bytes:
    digits = text.replace(" ", "")
    return bytes.fromhex(digits) if len(digits) % 2 == 0 else b""
