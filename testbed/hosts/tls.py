"""TLS as the hosts of a lab know it: their certificates, and the faults that strike it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from testbed.hosts.certificates import Authority
from testbed.scenario.faults.tls import TlsFault, TlsService

_AT_EHLO = frozenset({"stripped"})
_AT_CLIENT = frozenset({"injected"})


class TlsScript:
    """The TLS faults of one server, in the order of the file; ``fired`` hears of every fault that is staged."""

    def __init__(
        self,
        faults: Sequence[TlsFault],
        fired: Callable[[TlsFault], None],
        now_ns: Callable[[], int] = lambda: 0,
        seed: int = 0,
    ) -> None:
        self._faults = [(fault, fault.trigger(seed)) for fault in faults]
        self._fired = fired
        self._now_ns = now_ns

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
        for fault, trigger in self._faults:
            if not wanted(fault.is_) or fault.connection not in (None, connection):
                continue
            if fault.service not in (None, service):
                continue
            if trigger.strikes(self._now_ns()):
                self._fired(fault)
                return fault.is_
        return ""


class LabTls:
    """What all hosts of a lab share: the authority they trust, and the TLS faults of every server by its name."""

    def __init__(self, authority: Authority, scripts: Mapping[str, TlsScript]) -> None:
        self.authority = authority
        self._scripts = scripts

    def script(self, server: str) -> TlsScript:
        """The faults of a server; one without any for a name nobody has."""
        return self._scripts.get(server) or TlsScript((), lambda fault: None)
