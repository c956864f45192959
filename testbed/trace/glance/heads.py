"""First octets that tell more than a port does."""

from __future__ import annotations

from testbed.protocols import tunnels
from testbed.protocols.proxy_header import BEGINNINGS
from testbed.trace.services.table import SERVICES

_OCTETS = 8
_TLS = (b"\x16\x03", b"\x15\x03")
_PROXIED = tuple(beginning[:_OCTETS] for beginning in (*BEGINNINGS, *tunnels.BEGINNINGS))
TELLING = (*(opening for service in SERVICES for opening in service.openings), *_TLS, *_PROXIED)
"""How the first octets of a side may begin, small letters made capital, where a protocol is followed."""


def telling_octets() -> bytes:
    """:data:`TELLING` as the compiled pass reads it: the size of each, then eight octets of it."""
    return b"".join(bytes((len(head),)) + head.ljust(_OCTETS, b"\0") for head in TELLING)
