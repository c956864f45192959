"""A flow as its receivers took it."""

from __future__ import annotations

from collections.abc import Callable

from testbed.trace.flows import Flow
from testbed.trace.tcp.discarded import Conditions, discarded, repetitions, without
from testbed.trace.tcp.forged import forged


def taken(
    flow: Flow, payload: Callable[[int], bytes], conditions: Conditions, hops: Callable[[list[int]], list[int]]
) -> Flow:
    """A flow of TCP without the packets that their receiver discarded, or never took.

    ``payload``, ``conditions`` and ``hops`` tell of rows of the packet table.
    """
    damaged = discarded(flow, list(repetitions(flow).values()), conditions)
    return without(flow, {*damaged, *forged(flow, damaged, payload, hops).ignored})
