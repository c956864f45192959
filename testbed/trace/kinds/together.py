"""Which connections of a large capture have to be seen together to tell what became of a message."""

from __future__ import annotations

import numpy as np

from testbed.trace.flows import Flows
from testbed.trace.kinds.batch import Ints
from testbed.trace.kinds.summary import Summary


def together(flows: Flows, summary: Summary) -> Ints:
    """The numbers, from 1, of connections between hosts that had trouble with each other and spoke more than once."""
    if not len(flows):
        return np.zeros(0, np.int64)
    first = flows.order[flows.start]
    one, other = flows.table.sender[first].astype(np.uint64), flows.table.receiver[first].astype(np.uint64)
    pair = np.minimum(one, other) << np.uint64(32) | np.maximum(one, other)
    _, pair = np.unique(pair, return_inverse=True)
    troubled = np.array([bool(kind.findings) for kind in summary.kinds], np.bool_)[summary.kind]
    pairs = np.bincount(pair)
    wanted = (np.bincount(pair, troubled) > 0) & (pairs > 1)
    return np.flatnonzero(wanted[pair]) + 1
