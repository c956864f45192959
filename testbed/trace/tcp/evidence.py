"""What is known of a flow's packets: what remarks on its way are made of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cached_property

from msgspec import Struct

from testbed.protocols.tcp import ACK, FIN, RST, SYN, distance
from testbed.trace.flows import Flow
from testbed.trace.tcp.events import RETRANSMITTED, TcpEvent


class Evidence(Struct, frozen=True, dict=True):
    """A flow and what is known of its packets: repetitions as places, damage by place, numbers and blocks by row.

    The numbers are IP identifications, the blocks those of selective acknowledgements.
    """

    flow: Flow
    events: Sequence[int]
    repeated: dict[tuple[int, int, int], list[int]]
    damaged: dict[int, int]
    identification: Callable[[list[int]], list[int]]
    sack: Callable[[int], Sequence[tuple[int, int]]]

    def group(self, place: int) -> list[int]:
        """The places of all sendings of a packet."""
        flow = self.flow
        return self.repeated.get((flow.side[place], flow.sequence[place], flow.flags[place] & SYN), [place])

    def came_again(self, place: int) -> bool:
        """Whether a packet was sent more than once."""
        return bool(self.flow.length[place] or self.flow.flags[place] & (SYN | FIN)) and len(self.group(place)) > 1

    def acknowledged_at(self, side: int, end: int) -> int | None:
        """The place of the first packet that acknowledges what a side sent, up to a sequence number."""
        steps = self._steps[side]
        if not steps:
            return None
        at = bisect_left(steps, distance(end, self.flow.acknowledgement[steps[0][1]]), key=lambda step: step[0])
        return steps[at][1] if at < len(steps) else None

    @cached_property
    def _steps(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """For each side, how far it is acknowledged, counted from the first acknowledgement, and at which place."""
        steps: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        for place, flags in enumerate(self.flow.flags):
            if flags & ACK and not flags & RST:
                mine, ack = steps[1 - self.flow.side[place]], self.flow.acknowledgement[place]
                reached = distance(ack, self.flow.acknowledgement[mine[0][1]]) if mine else 0
                if not mine or reached > mine[-1][0]:
                    mine.append((reached, place))
        return steps

    @property
    def odd(self) -> bool:
        """Whether something on the way can have gone wrong at all."""
        strange = TcpEvent.OUT_OF_ORDER | TcpEvent.LOST_SEGMENT | RETRANSMITTED
        return bool(self.repeated) or any(mask & strange for mask in self.events)
