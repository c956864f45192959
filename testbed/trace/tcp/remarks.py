"""What became of a connection's packets on the way, as far as the packets themselves tell.

Each question is answered only where nothing else explains what is seen: a repetition a sender cannot have decided on
yet is a duplicate or comes late; one that follows the acknowledgement of what it repeats means that the acknowledgement
was lost.  :mod:`testbed.trace.tcp.on_the_way` has the sentences.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from testbed.pcap.checksums import BAD
from testbed.protocols.tcp import ACK, FIN, SYN, distance
from testbed.trace.flows import CLIENT, SERVER, Flow
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.tcp.events import SOONEST_NS, TcpEvent
from testbed.trace.tcp.evidence import Evidence
from testbed.trace.tcp.loss_probes import loss_probes
from testbed.trace.tcp.vain import all_in_vain, in_vain, never_arrived, why_in_vain

SIDES = ("client", "server")


def tcp_remarks(evidence: Evidence) -> tuple[tuple[Remark, ...], frozenset[int]]:
    """What there is to remark, and the frames of repetitions that are explained by it."""
    if not evidence.odd:
        return (), frozenset()
    flow, remarks, explained = evidence.flow, Remarks(), set[int]()
    undamaged = _sent_undamaged(evidence)
    for place, condition in sorted(evidence.damaged.items()):
        code = "segment-corrupted" if condition == BAD else "packet-truncated"
        again = undamaged[place]
        _note(evidence, remarks, code, (place, again))
        explained.add(flow.frame[again])
    for place in _late(evidence):
        explained.add(flow.frame[place])
        _note(evidence, remarks, "segment-reordered", (place,))
    for first, again in _twins(evidence):
        explained.add(flow.frame[again])
        _note(evidence, remarks, "packet-duplicated", (first, again))
    explained.update(flow.frame[place] for place in loss_probes(evidence.flow, evidence.events, evidence.sack))
    for found in (_openings, _closings):
        for code, places in found(evidence, explained):
            _note(evidence, remarks, code, places)
    for group, told in _sent_in_ignorance(evidence):
        if not evidence.came_again(told):
            needless = [place for place in group[1:] if place > told and flow.frame[place] not in explained]
            if needless:
                _note(evidence, remarks, "sent-again-needlessly", (group[0], told, *needless))
        explained.update(flow.frame[place] for place in group[1:])
    for side in (CLIENT, SERVER):
        vain = in_vain(evidence, explained, side)
        if vain:
            _note(evidence, remarks, why_in_vain(flow, side, vain), vain)
            explained.update(all_in_vain(evidence, side))
        elif (hole := never_arrived(evidence, side)) is not None:
            place, how_many = hole
            remarks.note("octets-never-arrived", (flow.frame[place],), f"{SIDES[side]}, {how_many}")
    return remarks.in_order(), frozenset(explained)


def closed_windows(flow: Flow, events: Sequence[int], history: str) -> tuple[Remark, ...]:
    """Sides that took no more octets for a while, as Zeek's ``history`` tells: not those that were about to end."""
    remarks = Remarks()
    for side, letter in ((CLIENT, "W"), (SERVER, "w")):
        if letter in history:
            closed = [p for p, mask in enumerate(events) if mask & TcpEvent.ZERO_WINDOW and flow.side[p] == side]
            places = closed or [p for p in range(len(flow)) if flow.side[p] == side and not flow.window[p]]
            remarks.note("window-closed", tuple(flow.frame[place] for place in places), SIDES[side])
    return remarks.in_order()


def _note(evidence: Evidence, remarks: Remarks, code: str, places: Sequence[int]) -> None:
    flow = evidence.flow
    remarks.note(code, tuple(flow.frame[place] for place in places), SIDES[flow.side[places[0]]])


def _sent_undamaged(evidence: Evidence) -> dict[int, int]:
    """Where what was damaged came again undamaged, by the places of both."""
    found: dict[int, int] = {}
    for group in {id(group): group for group in map(evidence.group, evidence.damaged)}.values():
        again = group[-1]
        for place in reversed(group):
            if place in evidence.damaged:
                found[place] = again
            else:
                again = place
    return found


def _late(evidence: Evidence) -> Iterator[int]:
    """Places of data seen for the first time although what follows it was seen before, too soon for a repetition."""
    flow = evidence.flow
    hole: list[tuple[int, int] | None] = [None, None]  # where it showed, and the first sequence number it lacks
    expected: list[int | None] = [None, None]
    last = [-1, -1]  # place of each side's last packet
    for place, side in enumerate(flow.side):
        sequence, length, syn = flow.sequence[place], flow.length[place], flow.flags[place] & SYN
        fin = flow.flags[place] & FIN
        next_, lacking = expected[side], hole[side]
        last[side] = place
        if not length and not syn and not fin:
            continue
        if next_ is not None and distance(sequence, next_) > 0 and lacking is None:
            hole[side] = (place, next_)
        elif lacking is not None and distance(sequence, lacking[1]) >= 0 and evidence.group(place)[0] == place:
            soon = flow.time[place] - flow.time[lacking[0]] < SOONEST_NS
            if next_ is not None and distance(sequence, next_) < 0 and soon and last[1 - side] < lacking[0]:
                yield place
        if lacking is not None and sequence == lacking[1]:
            hole[side] = None
        end = (sequence + length + bool(syn)) % 2**32
        if next_ is None or distance(end, next_) > 0:
            expected[side] = end


def _twins(evidence: Evidence) -> Iterator[tuple[int, int]]:
    """Packets that came twice: alike in all numbers, and too soon after each other to be sent twice.

    The IP identification must be the same too, and its sender must be one that gives each packet another.
    """
    flow = evidence.flow
    alike = [
        (first, again)
        for group in evidence.repeated.values()
        for first, again in pairwise(group)
        if flow.time[again] - flow.time[first] < SOONEST_NS
        and all(c[first] == c[again] for c in (flow.acknowledgement, flow.flags, flow.window, flow.length))
    ]
    if not alike:
        return
    places = range(len(flow))
    numbers = dict(zip(places, evidence.identification([flow.index[place] for place in places]), strict=True))
    told = [len({numbers[p] for p in places if flow.side[p] == side}) > 1 for side in (CLIENT, SERVER)]
    for first, again in alike:
        if numbers[first] == numbers[again] > 0 and told[flow.side[first]]:
            yield first, again


def _openings(evidence: Evidence, explained: set[int]) -> Iterator[tuple[str, list[int]]]:
    """SYN-ACKs that had to be repeated, by whether the client had answered the first."""
    flow = evidence.flow
    answers = [p for p, flags in enumerate(flow.flags) if flow.side[p] == CLIENT and flags & (SYN | ACK) == ACK]
    for (side, _, syn), group in evidence.repeated.items():
        sendings = [p for p in group if flow.flags[p] & ACK and flow.frame[p] not in explained]
        if side != SERVER or not syn or len(sendings) < 2:
            continue
        first, second = sendings[:2]
        if flow.time[second] - flow.time[first] < SOONEST_NS:
            continue  # it answers a SYN that came twice
        answered = bisect_left(answers, first) < bisect_left(answers, second)
        yield "third-ack-lost" if answered else "syn-ack-lost", sendings


def _closings(evidence: Evidence, explained: set[int]) -> Iterator[tuple[str, list[int]]]:
    """FINs that had to be repeated, by whether they had been acknowledged."""
    flow = evidence.flow
    for side in (CLIENT, SERVER):
        places = [p for p in range(len(flow)) if flow.side[p] == side and flow.flags[p] & FIN]
        sendings = [p for p in places if flow.frame[p] not in explained and p not in evidence.damaged]
        if len(sendings) < 2:
            continue
        end = (flow.sequence[sendings[0]] + flow.length[sendings[0]] + 1) % 2**32
        told = evidence.acknowledged_at(side, end)
        if told is not None and told > sendings[1]:
            yield "fin-lost", sendings
        elif told is not None and not evidence.came_again(told):
            yield "fin-ack-lost", sendings


def _sent_in_ignorance(evidence: Evidence) -> Iterator[tuple[list[int], int]]:
    """Places of data sent again although it had been acknowledged, and that of the packet which did so.

    Where that came again itself, it was lost.
    """
    flow = evidence.flow
    for (side, _, syn), group in evidence.repeated.items():
        first, second = group[:2]
        if syn or not flow.length[first]:
            continue
        told = evidence.acknowledged_at(side, (flow.sequence[first] + flow.length[first]) % 2**32)
        if told is not None and first < told < second:
            yield group, told
