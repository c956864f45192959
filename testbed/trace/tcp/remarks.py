"""What became of a connection's packets on the way, as far as the packets themselves tell.

Each question is answered only where nothing else explains what is seen: a repetition a sender cannot have decided on
yet is a duplicate or comes late; one that follows the acknowledgement of what it repeats means that the acknowledgement
was lost.  :mod:`testbed.trace.tcp.on_the_way` has the sentences.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from testbed.pcap.checksums import BAD
from testbed.protocols.tcp import ACK, FIN, RST, SYN, distance
from testbed.trace.flows import CLIENT, SERVER, Flow
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.tcp.events import RETRANSMITTED, SOONEST_NS, TcpEvent
from testbed.trace.tcp.loss_probes import loss_probes

_LARGE = 500  # octets of payload no path may refuse (RFC 791 §3.2: 576 with headers)
DEAD = 3  # sendings in vain after which a connection counts as stuck

SIDES = ("client", "server")


@dataclass(frozen=True)
class Evidence:
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
        vain = _in_vain(evidence, explained, side)
        if vain:
            _note(evidence, remarks, _why(flow, side, vain), vain)
            explained.update(_all_in_vain(evidence, side))
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
    """Places of data seen for the first time although later data was seen before, too soon to be a repetition."""
    flow = evidence.flow
    hole: list[tuple[int, int] | None] = [None, None]  # where it showed, and the first sequence number it lacks
    expected: list[int | None] = [None, None]
    last = [-1, -1]  # place of each side's last packet
    for place, side in enumerate(flow.side):
        sequence, length, syn = flow.sequence[place], flow.length[place], flow.flags[place] & SYN
        next_, lacking = expected[side], hole[side]
        last[side] = place
        if not length and not syn:
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


def _acknowledged(flow: Flow, side: int) -> int | None:
    """How far the peer of a side has acknowledged what that side sent."""
    highest: int | None = None
    for place, flags in enumerate(flow.flags):
        if flow.side[place] != side and flags & ACK:
            ack = flow.acknowledgement[place]
            if highest is None or distance(ack, highest) > 0:
                highest = ack
    return highest


def _all_in_vain(evidence: Evidence, side: int) -> list[int]:
    """Frames of what a side repeated and its peer never acknowledged."""
    reached = _acknowledged(evidence.flow, side)
    return [
        evidence.flow.frame[place]
        for (mine, sequence, syn), group in evidence.repeated.items()
        if mine == side and not syn and reached is not None and distance(sequence, reached) >= 0
        for place in group
    ]


def _in_vain(evidence: Evidence, explained: set[int], side: int) -> list[int]:
    """The sendings of what a side repeated most often in vain, where that is often enough to mean something."""
    flow, reached = evidence.flow, _acknowledged(evidence.flow, side)
    if reached is None or any(
        w & TcpEvent.ZERO_WINDOW for w, s in zip(evidence.events, flow.side, strict=True) if s != side
    ):
        return []
    group = evidence.repeated.get((side, reached, 0), [])
    sendings = [place for place in group if flow.frame[place] not in explained and not flow.flags[place] & RST]
    return sendings if len(sendings) >= DEAD else []


def _why(flow: Flow, side: int, sendings: list[int]) -> str:
    """What sendings in vain mean: that nothing arrives any more, or nothing of that size.

    Smaller packets arrive where what the peer said afterwards was answered and need not be said again.
    """
    length = max(flow.length[place] for place in sendings)
    before = max((flow.length[p] for p in range(sendings[0]) if flow.side[p] == side), default=0)
    said = [p for p in range(sendings[1], len(flow)) if flow.side[p] != side and flow.length[p]]
    if length < _LARGE or before >= length or not said:
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
