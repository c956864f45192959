"""Whether ready-made programs play in a scenario that was written for others."""

from __future__ import annotations

from testbed.scenario.scenario import Scenario


def of_others(scenario: Scenario, key: str) -> bool:
    """Whether its ``faults`` or ``steps`` are those of another scenario, and ready-made programs play in this one.

    They may give no occasion for a fault, and break off what somebody says to them, as they may.
    """
    ready_made = any(host.program is not None for host in scenario.hosts.values())
    return ready_made and scenario.file_of(key) != scenario.file
