"""What a trace that still grows tells already, and no later packet can contradict."""

from __future__ import annotations

from collections.abc import Container, Iterator

import numpy as np

from testbed.trace.analysis import LOST_INTERFACE, Analysis
from testbed.trace.ended import ended, owners
from testbed.trace.model.connection import Connection


def certain(analysis: Analysis, now_ns: int, told: Container[int]) -> Iterator[Connection]:
    """The connections that have ended by a time and are understood for good, but for those ``told`` by their numbers.

    Left out are those that lost packets, as these may be sent again after a long pause, and those with TLS, of which
    keys may open more.
    """
    flows, capture = analysis.understanding.flows, analysis.capture
    if not len(flows):
        return
    lost = [number for number, one in enumerate(capture.interfaces) if one.name == LOST_INTERFACE]
    is_lost = np.isin(capture.interface[flows.table.row[flows.order]], lost)
    over = ended(flows, now_ns) & (np.bincount(owners(flows), is_lost, len(flows)) == 0)
    for index in np.flatnonzero(over).tolist():
        if index + 1 not in told:
            connection = analysis.understanding.of(index + 1).connection
            if connection.tls is None:
                yield connection
