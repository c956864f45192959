"""How a scenario can be made simpler: a file for each of its parts.

A reduction yields simpler variants, the boldest first.  Whether one still shows what it is to show, only a run tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from testbed.explore.reductions.faults import fewer_faults, simpler_faults
from testbed.explore.reductions.hosts import fewer_hosts, plainer_hosts
from testbed.explore.reductions.lab import plainer_lab, sooner_settled
from testbed.explore.reductions.messages import fewer_recipients, plainer_messages
from testbed.explore.reductions.steps import fewer_steps, shorter_waits
from testbed.explore.variant import Variant

Reduction = Callable[[Variant], Iterator[Variant]]

REDUCTIONS: tuple[Reduction, ...] = (
    fewer_faults,
    fewer_steps,
    sooner_settled,
    simpler_faults,
    fewer_recipients,
    fewer_hosts,
    plainer_messages,
    plainer_hosts,
    plainer_lab,
    shorter_waits,
)
"""In the order in which they are tried: what makes most of a difference first."""
