"""Segments that stand in the capture behind their own acknowledgement.

A mirror port, or a network card with several queues, gives packets of the two directions in another order than they
went by.  No octet is lost by that, and no packet is sent again; but whoever reads in the order of capture would think
so.  A segment belongs before the packet that acknowledges it, unless its own acknowledgement shows that its sender had
heard that packet.
"""

from __future__ import annotations

from testbed.protocols.tcp import ACK, SYN, distance
from testbed.trace.flows import Flow

_Segment = tuple[int, int]  # where it begins, counted from the first of its side so that it never wraps; its place


class Overtaken:
    """The segments of a flow that acknowledgements have overtaken.  Each is given once at most.

    ``places`` are those that were given.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self.places = set[int]()
        self._segments: dict[int, list[_Segment]] = {}  # of a side, the first one last

    def by(self, position: int) -> list[int]:
        """The places of the segments that the packet at ``position`` acknowledges and that stand behind it."""
        flow = self._flow
        side = 1 - flow.side[position]
        segments = self._segments.get(side)
        if segments is None:
            segments = self._segments[side] = self._in_order(side)
        if not segments:
            return []
        found, acknowledged = [], flow.acknowledgement[position]
        while segments and distance(self._begin(segments[-1][1]), acknowledged) < 0:
            _, place = segments.pop()
            if place > position and self._unaware(place, position):
                found.append(place)
        self.places.update(found)
        return found

    def _in_order(self, side: int) -> list[_Segment]:
        reached, last, found = 0, None, list[_Segment]()
        for place, sender in enumerate(self._flow.side):
            if sender == side and self._flow.length[place]:
                begin = self._begin(place)
                reached += distance(begin, last) if last is not None else 0
                last = begin
                found.append((reached, place))
        found.sort(reverse=True)
        return found

    def _begin(self, place: int) -> int:
        return (self._flow.sequence[place] + bool(self._flow.flags[place] & SYN)) & 0xFFFFFFFF

    def _unaware(self, late: int, acknowledging: int) -> bool:
        """Whether the sender of the late segment had not yet heard the packet that acknowledges it."""
        flow = self._flow
        return not flow.flags[late] & ACK or distance(flow.acknowledgement[late], flow.sequence[acknowledging]) <= 0
