"""Packets their receiver threw away: damaged on the way, and sent again.

A checksum that does not fit says little by itself: the machine that captured may have left checksums to its card.  But
where the same octets come again with one that fits, the first packet was damaged, and its receiver has not read it.
The same goes for a packet that ended before its header said.  Nobody else should read them either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from testbed.pcap.checksums import BAD, GOOD
from testbed.pcap.condition import TRUNCATED
from testbed.protocols.tcp import FIN, SYN
from testbed.trace.flows import Flow

Conditions = Callable[[list[int]], list[int]]
"""The conditions of some rows of the packet table."""


def repetitions(flow: Flow) -> dict[tuple[int, int, int], list[int]]:
    """Places in the flow of the packets that were sent more than once, by side, sequence number, and SYN or not."""
    found: dict[tuple[int, int, int], list[int]] = {}
    for position, flags in enumerate(flow.flags):
        if flow.length[position] or flags & (SYN | FIN):
            found.setdefault((flow.side[position], flow.sequence[position], flags & SYN), []).append(position)
    return {key: places for key, places in found.items() if len(places) > 1}


def discarded(flow: Flow, repeated: Sequence[list[int]], conditions: Conditions) -> dict[int, int]:
    """BAD or TRUNCATED by the place in the flow of each packet that was damaged and came again undamaged."""
    places = [place for group in repeated for place in group]
    known = dict(zip(places, conditions([flow.index[place] for place in places]), strict=True)) if places else {}
    last_good = (max((place for place in group if known[place] == GOOD), default=-1) for group in repeated)
    return {
        place: known[place]
        for group, good in zip(repeated, last_good, strict=True)
        for place in group
        if place < good and known[place] in (BAD, TRUNCATED)
    }


def without(flow: Flow, places: Collection[int]) -> Flow:
    """The flow without the packets at some places."""
    if not places:
        return flow
    kept = [place for place in range(len(flow)) if place not in places]
    column: Callable[[list[int]], list[int]] = lambda values: [values[place] for place in kept]  # noqa: E731
    return Flow(
        flow.protocol,
        flow.client,
        flow.server,
        column(flow.index),
        column(flow.side),
        column(flow.frame),
        column(flow.time),
        column(flow.sequence),
        column(flow.acknowledgement),
        column(flow.flags),
        column(flow.window),
        column(flow.length),
        flow.repeats,
    )
