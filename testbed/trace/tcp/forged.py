"""Packets that the end they name cannot have sent: something on the way made them up.

A host that has reset a connection says nothing more on it; where both ends go on, nobody has obeyed the RST.  And the
same octets do not change from one sending to the next.  Of two contents the receiver took the first, unless that came
from elsewhere and its acknowledgement fits the other: then the first has not reached it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from statistics import mode

from msgspec import Struct

from testbed.protocols.tcp import ACK, RST, SYN, distance
from testbed.trace.flows import Flow
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.tcp.discarded import repetitions

_SIDES = ("client", "server")
_NEVER = (-1, -1)
_MOST = 20  # groups of packets that contradict each other
_FEWEST = 3  # packets of a side that show how far it is away


class Forged(Struct, frozen=True):
    """The places of packets that their receiver did not take, the frames of forged RSTs, and what to remark."""

    ignored: frozenset[int] = frozenset()
    resets: frozenset[int] = frozenset()
    remarks: tuple[Remark, ...] = ()


def forged(
    flow: Flow, damaged: Collection[int], payload: Callable[[int], bytes], hops: Callable[[list[int]], list[int]]
) -> Forged:
    """Look for them.

    ``damaged`` are the places of packets that changed on the way by accident.  ``payload`` and ``hops`` give octets and
    hops left of rows of the packet table.
    """
    resets = [place for place, flags in enumerate(flow.flags) if flags & RST]
    disputed = list(islice(_disputed(flow, damaged, payload), _MOST))
    next_ = _following(flow) if resets else []
    remarks, ignored = Remarks(), {place for place in resets if _goes_on(next_, place, flow.side[place])}
    for place in sorted(ignored):
        remarks.note("reset-not-obeyed", (flow.frame[place],), _SIDES[flow.side[place]])
    doubtful = [place for place in resets if place not in ignored and next_[place][flow.side[place]] >= 0]
    far = _far(flow, hops) if disputed or doubtful else set()
    for group in disputed:
        taken = _taken(flow, group, far)
        alone = [flow.frame[place] for place in group if place in far]
        ignored.update(p for p in group if p != taken and (alone or flow.length[p] <= flow.length[taken]))
        detail = _SIDES[flow.side[taken]]
        if alone:
            detail += f", and frame {alone[0]} took another route than its other packets, as its TTL shows"
        remarks.note("octets-contradict", tuple(flow.frame[place] for place in group), detail)
    false = sorted(far.intersection(doubtful))
    for place in false:
        remarks.note("reset-forged", (flow.frame[place],), _SIDES[flow.side[place]])
    return Forged(frozenset(ignored), frozenset(flow.frame[place] for place in false), remarks.in_order())


def _disputed(flow: Flow, damaged: Collection[int], payload: Callable[[int], bytes]) -> Iterator[list[int]]:
    """Places of packets that give the same octets different contents; one octet may be a probe (RFC 9293 §3.8.4)."""
    for (_, _, syn), places in repetitions(flow).items():
        long = [place for place in places if flow.length[place] > 1 and place not in damaged]
        if syn or len(long) < 2:
            continue
        contents = [payload(flow.index[place]) for place in long]
        most = min(map(len, contents))
        if len({octets[:most] for octets in contents}) > 1:
            yield long


def _taken(flow: Flow, group: list[int], far: Collection[int]) -> int:
    """The one that the other side took."""
    first = group[0]
    for place in range(first + 1, len(flow) if first in far else 0):
        if flow.side[place] == flow.side[first] or not flow.flags[place] & ACK or flow.flags[place] & RST:
            continue
        if (reached := distance(flow.acknowledgement[place], flow.sequence[first])) > 0:
            fitting = [one for one in group if flow.length[one] == reached]
            return fitting[0] if fitting else first
    return first


def _far(flow: Flow, hops: Callable[[list[int]], list[int]]) -> set[int]:
    """Places of packets with another number of hops left than nearly all of their side."""
    found = set[int]()
    for side in (0, 1):
        places = [place for place in range(len(flow)) if flow.side[place] == side]
        left = hops([flow.index[place] for place in places]) if len(places) > _FEWEST else []
        if left and left.count(usual := mode(left)) >= _FEWEST and -1 not in left:
            found.update(place for place, number in zip(places, left, strict=True) if number != usual)
    return found


def _following(flow: Flow) -> list[tuple[int, int]]:
    """For each place, where client and server speak next behind it, if that is no RST and of the same connection."""
    found, speaks = [_NEVER] * len(flow), [-1, -1]
    for place in reversed(range(len(flow))):
        flags, side = flow.flags[place], flow.side[place]
        found[place] = speaks[0], speaks[1]
        speaks[side] = -1 if flags & RST else place
        if flags & SYN and not flags & ACK:
            speaks = [-1, -1]
    return found


def _goes_on(next_: list[tuple[int, int]], reset: int, side: int) -> bool:
    """Whether both ends go on behind a RST: its sender speaks, is answered, and speaks again."""
    place = reset
    for wanted in (side, 1 - side, side):
        place = next_[place][wanted]
        if place < 0:
            return False
    return True
