"""TLS in a lab: its authority, the faults of its servers, and the keys on their way into the trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from testbed.hosts.certificates import Authority
from testbed.hosts.tls import Keys, LabTls, TlsScript
from testbed.net.alerts import send_alerts
from testbed.net.forward import HOME
from testbed.pcap.write import TraceWriter
from testbed.scenario.faults import TlsFault
from testbed.scenario.hosts import MailHostSpec, ReceiverSpec
from testbed.scenario.scenario import Scenario
from testbed.scenario.transport import shows_authority

_OUTSIDE = ("localhost", HOME)


def needs_tls(scenario: Scenario) -> bool:
    """Whether any host has a certificate."""
    return any(isinstance(host, MailHostSpec) and host.starttls for host in scenario.hosts.values())


def lab_tls(
    scenario: Scenario,
    keylog: Path,
    fired: Callable[[TlsFault, str], None],
    elapsed_ns: Callable[[], int],
    *,
    forwarded: bool = False,
) -> LabTls:
    """What the hosts of a scenario need for TLS; ``keylog`` will be a file with the keys of its sessions.

    Where ports are ``forwarded``, a certificate is good for the place where its server is reached from outside, too.
    """
    send_alerts()
    keylog.touch()
    keylog.chmod(0o666)  # programs may be users of their own
    faults = [fault for fault in scenario.faults if isinstance(fault, TlsFault)]
    scripts = {
        server: TlsScript([f for f in faults if f.tls == server], fired, elapsed_ns, scenario.seed)
        for server in scenario.hosts
    }
    keys = {
        name: Keys(host.new_key, shows_authority(host))
        for name, host in scenario.hosts.items()
        if isinstance(host, ReceiverSpec)
    }
    return LabTls(Authority(keylog, _OUTSIDE if forwarded else ()), scripts, keys, elapsed_ns)


class KeyedTrace:
    """A trace whose TLS keys come before the packets they open, so that it can be read in one pass.

    Both sides of a session write its keys into the file ``keylog`` when they know them, which is before they send what
    the keys protect.  What is new there when a packet passes the wire is put before it.
    """

    def __init__(self, writer: TraceWriter, keylog: Path) -> None:
        self._writer = writer
        self._file = keylog.open("rb", buffering=0)
        self._known: set[bytes] = set()

    def packet(self, time_ns: int, data: bytes, *, lost: bool = False, comment: str = "") -> int:
        """One raw IP packet; gives its frame number."""
        added = self._file.read()
        if added:
            lines = [line for line in added.splitlines(keepends=True) if line not in self._known and line[:1] != b"#"]
            self._known.update(lines)
            if lines:
                self._writer.secrets(b"".join(lines))
        return self._writer.packet(time_ns, data, lost=lost, comment=comment)
