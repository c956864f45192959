"""TLS: at each server that offers it, its flaws and what somebody on the way does to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from testbed.explore.candidate import Candidate, Point
from testbed.scenario.faults.tls import TlsFlaw
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_RANK = 2


def tls(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """Each flaw, on the first connection with TLS and on all."""
    for server in dict.fromkeys(c.server.label for c in analysis.connections if c.tls is not None):
        if server not in scenario.hosts or "mail server" not in scenario.hosts[server].nouns:
            continue
        for flaw in get_args(TlsFlaw):
            point = Point("tls", f"{server} TLS", rank=_RANK)
            yield Candidate(point, flaw, {"tls": server, "is": flaw, "times": 1})
            yield Candidate(point, f"{flaw} always", {"tls": server, "is": flaw})
