"""MTA-STS: where each policy is fetched, what can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from testbed.explore.candidate import Candidate, Point
from testbed.scenario.faults.policy import PolicyFlaw
from testbed.scenario.hosts import ReceiverSpec
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_RANK = 2
_HTTPS = 443


def policy(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """Each flaw, at each connection on which a policy was fetched, and from the first on."""
    for name, host in scenario.hosts.items():
        if not isinstance(host, ReceiverSpec) or not host.mta_sts or host.is_program:
            continue
        fetched = [c for c in analysis.connections if c.server.label == name and c.server.port == _HTTPS]
        for nth, _ in enumerate(fetched, 1):
            point = Point("policy", f"{host.domain} policy", nth, _RANK)
            fault: dict[str, object] = {"policy": host.domain, **({"nth": nth} if nth > 1 else {})}
            for flaw in get_args(PolicyFlaw):
                yield Candidate(point, flaw, {**fault, "is": flaw, "times": 1})
                if nth == 1:
                    yield Candidate(point, f"{flaw} always", {**fault, "is": flaw})
