"""Which connections of a large capture have to be seen together to tell what became of a message."""

from __future__ import annotations

import numpy as np

from testbed.trace.flows import Flows
from testbed.trace.glance.scan import Bools
from testbed.trace.glance.summary import Summary


def together(flows: Flows, summary: Summary) -> Bools:
    """The flows between hosts that had trouble with each other and spoke more than once."""
    first = flows.order[flows.start]
    one, other = flows.table.sender[first].astype(np.uint64), flows.table.receiver[first].astype(np.uint64)
    hosts = np.minimum(one, other) << np.uint64(32) | np.maximum(one, other)
    _, pair = np.unique(hosts, return_inverse=True)
    troubled = np.array([bool(kind.findings) for kind in summary.kinds], np.bool_)[summary.kind]
    wanted: Bools = (np.bincount(pair, troubled) > 0) & (np.bincount(pair) > 1)
    return wanted[pair]
