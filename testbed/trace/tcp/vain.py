"""What one side sends and the other never acknowledges: sent again in vain, or missing before what came later."""

from __future__ import annotations

from functools import reduce
from operator import or_

from testbed.protocols.tcp import ACK, RST, distance
from testbed.trace.flows import Flow
from testbed.trace.tcp.events import TcpEvent
from testbed.trace.tcp.evidence import Evidence

LARGE = 500  # octets of payload no path may refuse (RFC 791 §3.2: 576 with headers)
DEAD = 3  # sendings in vain after which a connection counts as stuck
_LONG_NS = 10**9  # within it a segment that was lost may not have been sent again yet


def _acknowledged(flow: Flow, side: int) -> int | None:
    """How far the peer of a side has acknowledged what that side sent."""
    highest: int | None = None
    for place, flags in enumerate(flow.flags):
        if flow.side[place] != side and flags & ACK:
            ack = flow.acknowledgement[place]
            if highest is None or distance(ack, highest) > 0:
                highest = ack
    return highest


def all_in_vain(evidence: Evidence, side: int) -> list[int]:
    """Frames of what a side repeated and its peer never acknowledged."""
    reached = _acknowledged(evidence.flow, side)
    return [
        evidence.flow.frame[place]
        for (mine, sequence, syn), group in evidence.repeated.items()
        if mine == side and not syn and reached is not None and distance(sequence, reached) >= 0
        for place in group
    ]


def in_vain(evidence: Evidence, explained: set[int], side: int) -> list[int]:
    """The sendings of what a side repeated most often in vain, where that is often enough to mean something."""
    flow, reached = evidence.flow, _acknowledged(evidence.flow, side)
    if reached is None or any(
        w & TcpEvent.ZERO_WINDOW for w, s in zip(evidence.events, flow.side, strict=True) if s != side
    ):
        return []
    group = evidence.repeated.get((side, reached, 0), [])
    sendings = [place for place in group if flow.frame[place] not in explained and not flow.flags[place] & RST]
    return sendings if len(sendings) >= DEAD else []


def never_arrived(evidence: Evidence, side: int) -> tuple[int, str] | None:
    """The first packet behind octets that never arrived, and how many they are in words.

    The other side goes on acknowledging what came before them, long enough for them to have been sent again.
    """
    flow, reached = evidence.flow, _acknowledged(evidence.flow, side)
    if reached is None or not _of_side(evidence, side) & TcpEvent.LOST_SEGMENT:
        return None
    beyond = [
        (distance(flow.sequence[place], reached), place)
        for place in range(len(flow))
        if flow.side[place] == side and flow.length[place] and not flow.flags[place] & RST
    ]
    behind = [(ahead, place) for ahead, place in beyond if ahead > 0]
    if not behind or any(ahead == 0 for ahead, _ in beyond):
        return None
    first = min(place for _, place in behind)
    told = [p for p in range(first, len(flow)) if _acknowledges(flow, p, side, reached)]
    long = bool(told) and flow.time[-1] - flow.time[first] >= _LONG_NS
    if not long:
        return None
    missing, largest = min(behind)[0], max(flow.length[place] for _, place in beyond)
    words = f"{missing:,} before frame {flow.frame[first]}"
    if missing >= LARGE > largest:
        words += f", while none of more than {largest} arrived in one packet (perhaps a path MTU black hole)"
    return first, words


def _of_side(evidence: Evidence, side: int) -> int:
    """All events of one side's packets."""
    return reduce(or_, (mask for mask, of in zip(evidence.events, evidence.flow.side, strict=True) if of == side), 0)


def why_in_vain(flow: Flow, side: int, sendings: list[int]) -> str:
    """What sendings in vain mean: that nothing arrives any more, or nothing of that size.

    Smaller packets arrive where what the peer said afterwards was answered and need not be said again.
    """
    length = max(flow.length[place] for place in sendings)
    before = max((flow.length[p] for p in range(sendings[0]) if flow.side[p] == side), default=0)
    said = [p for p in range(sendings[1], len(flow)) if flow.side[p] != side and flow.length[p]]
    if length < LARGE or before >= length or not said:
        return "connection-dead"
    end = (flow.sequence[said[0]] + flow.length[said[0]]) % 2**32
    answered = any(_acknowledges(flow, p, 1 - side, end) for p in range(said[0], len(flow)))
    repeated = any(flow.sequence[p] == flow.sequence[said[0]] for p in said[1:])
    return "large-packets-lost" if answered and not repeated else "connection-dead"


def _acknowledges(flow: Flow, place: int, side: int, end: int) -> bool:
    """Whether a packet acknowledges what one side sent, up to a sequence number."""
    return (
        flow.side[place] != side and bool(flow.flags[place] & ACK) and distance(flow.acknowledgement[place], end) >= 0
    )
