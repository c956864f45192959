"""Packets a capture holds several times because it was taken at several points, though each was sent once.

A mirror port that copies both ways, every interface of a router, or a VLAN and the device below it do that.  Such a
copy tells nothing of the network: nobody sent it, and nobody received it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from statistics import multimode

from msgspec import Struct

from testbed.protocols.tcp import FIN, RST, SYN, Options
from testbed.trace.flows import Flow
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.tcp.discarded import without
from testbed.trace.tcp.events import SOONEST_NS, TcpEvent, tcp_events

_TELLS = SYN | FIN | RST  # flags of which each is sent once
_FEWEST = 2  # packets that must have a copy
_NEARLY_ALL = 0.9  # of the packets: a capture may begin or end between the two points, or lose one at one of them
COPY = "captured again"
"""What such a packet is, in a few words."""
_SHOWN = 3  # copies that the remark names, each with what it is a copy of

Contents = Callable[[list[int]], Sequence[Hashable]]
"""What tells some rows of the packet table from others: two rows with the same hold the same packet."""


class Sendings(Struct, frozen=True):
    """The packets of a flow, each once, with their TCP events; and what there is to remark on the others.

    ``copies`` are the places of the others in the flow as the capture has it.
    """

    flow: Flow
    events: list[int]
    copies: frozenset[int] = frozenset()
    remarks: tuple[Remark, ...] = ()


def sendings(flow: Flow, events: list[int], options: Callable[[int], Options], contents: Contents) -> Sendings:
    """What was sent of what the capture holds; ``events`` are those of the flow as it is."""
    found = _copies(flow, contents) if _may_be_copied(flow) else {}
    if not found:
        return Sendings(flow, events)
    sent = without(flow, found)
    once = tcp_events(sent, options)
    if _arrived_again(flow, found, once):
        return Sendings(flow, events)
    remarks, times = Remarks(), max(2, round(len(flow) / len(sent)))
    shown = sorted(place for pair in [*found.items()][:_SHOWN] for place in pair)
    how_often = "twice (two capture points)" if times == 2 else f"{times} times ({times} capture points)"
    remarks.note("captured-again", tuple(flow.frame[place] for place in shown), how_often)
    return Sendings(sent, once, frozenset(found), remarks.in_order())


def _may_be_copied(flow: Flow) -> bool:
    """Whether enough packets share their numbers: a quick look at those that tell."""
    numbers = [
        (side, sequence, flags)
        for side, sequence, flags, length in zip(flow.side, flow.sequence, flow.flags, flow.length, strict=True)
        if length or flags & _TELLS
    ]
    return len(numbers) >= _FEWEST and 3 * len(set(numbers)) <= 2 * len(numbers)


def _copies(flow: Flow, contents: Contents) -> dict[int, int]:
    """Places of copies and of what they are copies of, where nearly every packet has one; else none."""
    alike = _alike(flow, contents)
    times = multimode(len(places) for places in alike if flow.length[places[0]] or flow.flags[places[0]] & _TELLS)[0]
    found = {
        place: places[at - at % times]  # acknowledgements may be alike though each was sent
        for places in alike
        for at, place in enumerate(places)
        if at % times
    }
    copied = len(set(found.values()))
    return found if copied >= max(_FEWEST, _NEARLY_ALL * (len(flow) - len(found))) else {}


def _alike(flow: Flow, contents: Contents) -> list[list[int]]:
    """Places of packets that are the same and came soon after each other."""
    groups: list[list[int]] = []
    last: dict[Hashable, list[int]] = {}
    for place, key in enumerate(zip(flow.side, contents(flow.index), strict=True)):
        group = last.get(key)
        if group is None or flow.time[place] - flow.time[group[0]] >= SOONEST_NS:
            group = last[key] = []
            groups.append(group)
        group.append(place)
    return groups


def _arrived_again(flow: Flow, copies: dict[int, int], events: list[int]) -> bool:
    """Whether copies did reach their receiver, which acknowledges once more what it has (RFC 9293 §3.10.7.4)."""
    data = sum(1 for place in copies if flow.length[place])
    return bool(data) and 2 * sum(1 for mask in events if mask & TcpEvent.DUPLICATE_ACK) >= data
