"""TLS as the hosts of a lab know it: their certificates, and the faults that strike it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

from msgspec import Struct

from testbed.hosts.certificates import Authority
from testbed.hosts.fault_script import FaultScript
from testbed.scenario.faults.tls import TlsFault, TlsService

_AT_EHLO = frozenset({"stripped"})
_AT_CLIENT = frozenset({"injected"})


class TlsScript(FaultScript[TlsFault]):
    """The TLS faults of one server, in the order of the file."""

    def stripped(self, connection: int) -> bool:
        """Whether STARTTLS is missing from the answer to EHLO on this connection."""
        return self._take(lambda flaw: flaw in _AT_EHLO, connection) != ""

    def injected(self) -> bool:
        """Whether somebody puts commands behind a client's STARTTLS."""
        return self._take(lambda flaw: flaw in _AT_CLIENT, None) != ""

    def flaw(self, connection: int, service: TlsService = "smtp") -> str:
        """What is wrong with the handshake on this connection of a service, ``""`` for nothing."""
        return self._take(lambda flaw: flaw not in _AT_EHLO | _AT_CLIENT, connection, service)

    def _take(self, wanted: Callable[[str], bool], connection: int | None, service: TlsService = "smtp") -> str:
        def applies(fault: TlsFault) -> bool:
            if not wanted(fault.is_) or fault.connection not in (None, connection):
                return False
            return fault.service in (None, service)

        fault = self.first(applies)
        return fault.is_ if fault is not None else ""


class Keys(Struct, frozen=True):
    """A server's keys: when it takes new ones into use, in nanoseconds since the start, and what it shows with them."""

    new_at: tuple[int, ...] = ()
    shows_authority: bool = False

    def in_use(self, at_ns: int) -> int:
        """Which key it has, from 1."""
        return 1 + sum(new <= at_ns for new in self.new_at)


class LabTls:
    """What all hosts of a lab share: the authority they trust, and the TLS faults and keys of every server by its name.

    ``now_ns`` tells the scenario time since the start.
    """

    def __init__(
        self,
        authority: Authority,
        scripts: Mapping[str, TlsScript],
        keys: Mapping[str, Keys] | None = None,
        now_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.authority = authority
        self._scripts = scripts
        self._keys = keys or {}
        self._now_ns = now_ns

    def server(self, name: str, flaw: str = "") -> ssl.SSLContext:
        """What a server of that name secures its connections with now; ``flaw`` is a word of TlsFault, or nothing."""
        keys = self._keys.get(name, Keys())
        key = keys.in_use(self._now_ns())
        return self.authority.server(name, flaw, key, shows_authority=keys.shows_authority)

    def script(self, server: str) -> TlsScript:
        """The faults of a server; one without any for a name nobody has."""
        return self._scripts.get(server) or TlsScript()
