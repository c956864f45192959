"""``--network``: where the labs of a run live, and what cannot be staged there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from testbed.runner import Lab
from testbed.scenario.network_needs import needs_private_network
from testbed.scenario.scenario import Scenario

PRIVATE, HOST = "private", "host"


def lab_and_limits(network: str) -> tuple[Lab, Callable[[Scenario], str]]:
    """What plays a scenario in such a network, and what says why one cannot be played there (``""`` where it can)."""
    from testbed.lab import run
    from testbed.lab.media import NetworkKind

    kind = NetworkKind(network)
    return partial(run, network=kind), _limits_of_loopback if kind is NetworkKind.HOST else lambda scenario: ""


def instead_of(network: str) -> str:
    """What can be done where the labs of a network cannot be run, to stand behind the reason."""
    if network == HOST:
        return ""
    return "; or run with '--network host' on the machine's own loopback, which skips what needs a wire"


def _limits_of_loopback(scenario: Scenario) -> str:
    need = needs_private_network(scenario)
    return str(need) if need is not None else ""
