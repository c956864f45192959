"""TLS as the hosts of a lab know it: their certificates, and the faults that strike it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


class LabTls:
    """What all hosts of a lab share: the authority they trust, and the TLS faults of every server by its name."""

    def __init__(self, authority: Authority, scripts: Mapping[str, TlsScript]) -> None:
        self.authority = authority
        self._scripts = scripts

    def script(self, server: str) -> TlsScript:
        """The faults of a server; one without any for a name nobody has."""
        return self._scripts.get(server) or TlsScript()
