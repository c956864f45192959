"""Certificates for tests: an authority, and what it signed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
LATER = datetime(2026, 8, 1, tzinfo=UTC).timestamp()
HOST = "mx.someschool.edu"


@cache
def authority(which: int = 1) -> trustme.CA:
    return trustme.CA()


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def anchor(which: int = 1) -> bytes:
    return der(authority(which).cert_pem.bytes())


@cache
def leaf(name: str = HOST, which: int = 1) -> bytes:
    """A certificate that is good from January to June 2026."""
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    found = authority(which).issue_cert(name, common_name=name, not_before=start, not_after=end)
    return der(found.cert_chain_pems[0].bytes())
