"""Repetitions that made up for no loss: loss probes (RFC 8985 §7), which come before any timer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from testbed.protocols.tcp import ACK, FIN, SYN, distance
from testbed.trace.flows import Flow
from testbed.trace.tcp.covering import Covering
from testbed.trace.tcp.events import RETRANSMITTED, SOONEST_NS, TcpEvent

_Span = tuple[int, int]
_REPEATED = RETRANSMITTED | TcpEvent.OUT_OF_ORDER


def loss_probes(flow: Flow, events: Sequence[int], sack: Callable[[int], Sequence[_Span]]) -> list[int]:
    """Places of such repetitions: their receiver has told that it had received them already (RFC 2883 §4).

    ``sack`` gives the blocks of selective acknowledgement of a row.
    """
    repeated = [p for p, mask in enumerate(events) if mask & _REPEATED and not flow.flags[p] & SYN]
    if not repeated:
        return []
    spans = _spans(flow)
    soon = _soon(flow, spans, repeated)
    return sorted(_received_twice(flow, spans, soon, sack)) if soon else []


def _spans(flow: Flow) -> list[_Span]:
    """What each packet sends, FIN included, counted from the first octet of its side."""
    position, last = [0, 0], [0, 0]
    spans: list[_Span] = []
    for side, sequence, length, flags in zip(flow.side, flow.sequence, flow.length, flow.flags, strict=True):
        position[side] += distance(sequence, last[side])
        last[side] = sequence
        spans.append((position[side], position[side] + length + bool(flags & FIN)))
    return spans


def _soon(flow: Flow, spans: Sequence[_Span], repeated: Sequence[int]) -> list[int]:
    """Those repetitions that follow what they repeat sooner than any timer runs out."""
    sent = [Covering(spans[p][0] for p in repeated if flow.side[p] == side) for side in (0, 1)]
    asked, soon = set(repeated), []
    for place, side in enumerate(flow.side):
        before = sent[side].last(*spans[place]) if place in asked else None
        if before is not None and flow.time[place] - flow.time[before] < SOONEST_NS:
            soon.append(place)
        sent[side].note(*spans[place], place)
    return soon


def _received_twice(
    flow: Flow, spans: Sequence[_Span], places: Sequence[int], sack: Callable[[int], Sequence[_Span]]
) -> Iterator[int]:
    """Those that the peer tells it had, by a later block that lies below its acknowledgement; the last first."""
    told = [Covering(spans[p][0] for p in places if flow.side[p] == side) for side in (0, 1)]
    asked, askers = set(places), {flow.side[p] for p in places}
    near = {side: place for place, side in enumerate(flow.side)}  # a packet of each side, to count blocks from
    for place in range(len(flow) - 1, places[0] - 1, -1):
        side, peer = flow.side[place], 1 - flow.side[place]
        near[side] = place
        if place in asked and told[side].last(*spans[place]) is not None:
            yield place
        if peer not in askers or not flow.flags[place] & ACK:
            continue
        for left, right in sack(flow.index[place])[:1]:
            if distance(right, flow.acknowledgement[place]) <= 0:
                start = spans[near[peer]][0] + distance(left, flow.sequence[near[peer]])
                told[peer].note(start, start + distance(right, left), -place)
