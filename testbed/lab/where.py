"""Where labs live when nobody says: in private networks, or on the machine's own loopback where there can be none."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from msgspec import Struct

from testbed.errors import UsageError
from testbed.scenario.network_needs import NetworkKind

AUTO = "auto"
NETWORKS = (AUTO, *NetworkKind)
_TUN = "/dev/net/tun"
_ALL_USERS = ["0", "0", str(2**32 - 1)]  # as only the machine's own namespace has them (user_namespaces(7))
_ENOUGH = 1 << 12 | 1 << 21  # CAP_NET_ADMIN and CAP_SYS_ADMIN (capabilities(7))


class Where(Struct, frozen=True):
    """The network of labs, and why it is not a private one; ``""`` where it is, or somebody asked for the other."""

    kind: NetworkKind
    why: str = ""

    @property
    def note(self) -> str:
        """What to tell whoever asked for none."""
        if not self.why:
            return ""
        return (
            f"labs live on the machine's own loopback, as private networks are not available here: {self.why}. "
            "What needs a wire is skipped; 'testbed doctor' says how to grant what is missing"
        )


def where(network: str) -> Where:
    """The network of that name; of ``auto`` the best there is.  Raises UsageError for a name that none has."""
    if network == AUTO:
        return _best()
    if network not in list(NetworkKind):
        raise UsageError(f"there is no network '{network[:40]}'; it is {', '.join(NETWORKS[:-1])} or {NETWORKS[-1]}")
    return Where(NetworkKind(network))


@cache
def _best() -> Where:
    """A private network, also where there is neither: what is missing is told when it is tried."""
    if os.access(_TUN, os.R_OK | os.W_OK) and _may_make_networks():
        return Where(NetworkKind.PRIVATE)
    from testbed.net.probe import host_network, private_network, probe_networks

    checks = probe_networks()
    if private_network(checks) or not host_network(checks):
        return Where(NetworkKind.PRIVATE)
    return Where(NetworkKind.HOST, next(check.detail for check in checks if check.needed and not check.ok))


def _may_make_networks() -> bool:
    """Whether this process has the machine's administrator's rights, which makes it needless to try."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
        users = Path("/proc/self/uid_map").read_text("ascii").split()
    except OSError:
        return False
    found = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return int(found, 16) & _ENOUGH == _ENOUGH and users == _ALL_USERS
