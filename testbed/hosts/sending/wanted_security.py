"""What a client wants of a connection: TLS or none, and a login."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from testbed.hosts.sending.demanded_tls import Demanded
from testbed.scenario.security import TlsPolicy

Wanted = TlsPolicy | Literal["implicit"]


class Security(Struct, frozen=True):
    """What a client wants of a connection to ``server``, whose certificate must bear that name.

    ``tls`` is a relay's policy (:data:`~testbed.scenario.security.TlsPolicy`), or ``implicit``: TLS from the first
    octet, with a good certificate.  ``login`` is a user and a password, for AUTH.  ``demanded`` is what the recipient's
    domain, or the message, demands: it stands in place of ``tls``.
    """

    server: str = ""
    tls: Wanted = "none"
    login: tuple[str, str] | None = None
    demanded: Demanded | None = None


IN_CLEAR = Security()
