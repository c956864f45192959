"""What TLS showed of a connection."""

from __future__ import annotations

from msgspec import Struct

from testbed.protocols.cipher_suites import cipher_name
from testbed.protocols.tls import version_name


class Alert(Struct, frozen=True):
    """An alert (RFC 8446 §6).  ``code`` is None where it was encrypted and no key opened it."""

    side: int
    fatal: bool
    code: int | None
    frame: int


class TlsSession(Struct, frozen=True):
    """What is known of the TLS of a connection.

    ``implicit`` tells that it began with the first octet (RFC 8314 §3).  ``offered`` and ``version`` are the highest
    version the client offered and the one the server chose, 0 where no ServerHello was seen.  ``alpn`` is the server's
    choice, where it was in clear.  ``plain_answer`` is the frame in which a server answered in plain text instead, 0
    for none.  ``opened`` counts the records that keys opened.  ``steps`` are frames, sides and names of the messages
    seen.  ``chain`` are the certificates of the server, DER, its own first, where they were in clear or keys opened
    them.  ``sealed_from`` is the frame from which on no key opened all that was said, 0 for none.  ``resumed`` tells
    that both went on with an earlier session, ``early_data`` that the client began before the server's answer (0-RTT).
    """

    implicit: bool
    hello_frame: int
    random: bytes
    server_name: str
    offered: int
    version: int
    cipher: int
    alpn_offered: tuple[str, ...]
    alpn: str
    alerts: tuple[Alert, ...]
    plain_answer: int
    opened: int
    steps: tuple[tuple[int, int, str], ...]
    chain: tuple[bytes, ...] = ()
    sealed_from: int = 0
    resumed: bool = False
    early_data: bool = False

    @property
    def sealed(self) -> bool:
        """Whether something of the dialogue stays closed."""
        return self.sealed_from > 0

    @property
    def certificate(self) -> bytes:
        """The server's own, DER; ``b""`` where it was not seen."""
        return self.chain[0] if self.chain else b""

    @property
    def summary(self) -> str:
        """In a few words: version, name asked for, what is special, and whether it was decrypted."""
        words = version_name(self.version) or "TLS without an answer"
        words += f" for {self.server_name}" if self.server_name else ""
        words += ", resumed" if self.resumed else ""
        words += ", with early data" if self.early_data else ""
        decrypted = ", decrypted in part" if self.sealed else ", decrypted"
        return words + (decrypted if self.opened else "")

    @property
    def suite(self) -> str:
        """The cipher suite's name, ``""`` where the server never chose one."""
        return cipher_name(self.cipher) if self.version else ""
