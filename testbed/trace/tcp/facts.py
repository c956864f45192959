"""Plain facts about a flow: how it opened, how it ended, how much was said."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.pcap.table import TCP
from testbed.protocols.tcp import ACK, FIN, RST, SYN, distance
from testbed.trace.flows import CLIENT, Flow
from testbed.trace.model.connection import Closure, Ending, Handshake, Opening
from testbed.trace.tcp.events import RETRANSMITTED, TcpEvent

INITIAL_RTO_NS = 1_000_000_000
"""How long TCP waits before it repeats a SYN (RFC 6298 §2)."""


def octets(flow: Flow, side: int) -> int:
    """Payload one side sent, told by its sequence numbers where TCP has them, so nothing counts twice."""
    rows = [p for p in range(len(flow)) if flow.side[p] == side and flow.length[p]]
    if flow.protocol != TCP or not rows:
        return sum(flow.length[p] for p in rows)
    spans, position, last = [], 0, flow.sequence[rows[0]]
    for p in rows:
        sequence = (flow.sequence[p] + bool(flow.flags[p] & SYN)) & 0xFFFFFFFF
        position += distance(sequence, last)
        last = sequence
        spans.append((position, position + flow.length[p]))
    total, reached = 0, min(start for start, _ in spans)
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def sent_again(flow: Flow, events: Sequence[int]) -> tuple[int, ...]:
    """Frames of data that had been sent before.

    Wireshark calls a repetition within the handshake's round trip out of order; where the capture holds the first
    sending too, it is one all the same.
    """
    seen: set[tuple[int, int]] = set()
    frames = []
    for frame, side, sequence, length, mask in zip(
        flow.frame, flow.side, flow.sequence, flow.length, events, strict=True
    ):
        if not length:
            continue
        if mask & RETRANSMITTED or (mask & TcpEvent.OUT_OF_ORDER and (side, sequence) in seen):
            frames.append(frame)
        seen.add((side, sequence))
    return tuple(frames)


def opening(flow: Flow, unreachable: bool, end_ns: int) -> Opening:
    """How a TCP flow opened; ``unreachable`` tells that an ICMP error answered its first packet.

    Where the capture ends, at ``end_ns``, within a second, nobody would have repeated a SYN or its answer.
    """
    packets = zip(flow.frame, flow.side, flow.flags, strict=True)
    syns = tuple(frame for frame, side, flags in packets if side == CLIENT and flags & SYN and not flags & ACK)
    handshake = _handshake(flow, unreachable)
    waits = handshake in (Handshake.UNANSWERED, Handshake.INCOMPLETE) and not any(flags & RST for flags in flow.flags)
    soon = len(flow) < 3 and end_ns - flow.time[-1] < INITIAL_RTO_NS
    return Opening(handshake, syns, _handshake_rtt(flow), waits and soon and len(syns) < 2)


def _handshake(flow: Flow, unreachable: bool) -> Handshake:
    syn = synack = refused = False
    begun = 0  # the sequence number of the SYN
    for position, flags in enumerate(flow.flags):
        by_client = flow.side[position] == CLIENT
        if flags & RST:
            if not syn or synack or by_client:
                break
            refused = True  # unless the client goes on: then somebody else had sent it
        elif flags & SYN:
            synack = synack or bool(flags & ACK)
            syn = syn or not flags & ACK
            begun = flow.sequence[position] if by_client else begun
        elif by_client and flags & ACK and (synack or (syn and not refused)):
            return Handshake.COMPLETE  # it acknowledges a SYN-ACK, captured or not
        elif (synack or (syn and not refused)) and not by_client and _goes_on(flow, position, begun):
            return Handshake.COMPLETE  # it has heard the ACK that is not in the capture
    if refused:
        return Handshake.REFUSED
    if synack:
        return Handshake.INCOMPLETE
    if syn and unreachable:
        return Handshake.UNREACHABLE
    if not syn:
        return Handshake.UNSEEN
    return Handshake.UNANSWERED if all(side == CLIENT for side in flow.side) else Handshake.INCOMPLETE


def _goes_on(flow: Flow, position: int, begun: int) -> bool:
    """Whether a packet of the server has octets, or acknowledges octets behind the client's SYN."""
    acknowledges = flow.flags[position] & ACK and distance(flow.acknowledgement[position], begun) > 1
    return bool(flow.length[position] or acknowledges)


def ending(flow: Flow) -> Ending:
    """How a TCP flow ended.

    A RST behind one's own FIN and data of the other side only says that nobody is there to read it (RFC 1122
    §4.2.2.13): the connection was closed.
    """
    fins: dict[int, int] = {}  # places
    late = False
    for position, flags in enumerate(flow.flags):
        side, frame = flow.side[position], flow.frame[position]
        late = late or bool(fins and side not in fins and flow.length[position])
        if flags & RST and len(fins) < 2:
            frames = tuple(flow.frame[place] for place in fins.values())
            if late and side in fins:
                return Ending(Closure.NORMAL, ("client", "server")[side], (flow.frame[fins[side]], frame))
            return Ending(Closure.RESET, ("client", "server")[side], (*frames, frame))
        if flags & FIN:
            fins.setdefault(side, position)
    if not fins:
        return Ending()
    first, *_ = fins
    frames = tuple(flow.frame[place] for place in fins.values())
    if _has_heard_fin(flow, fins[first]):
        return Ending(Closure.NORMAL, ("client", "server")[1 - first], frames[::-1])
    return Ending(Closure.NORMAL if len(fins) == 2 else Closure.HALF, ("client", "server")[first], frames)


def _has_heard_fin(flow: Flow, place: int) -> bool:
    """Whether a FIN acknowledges the other side's: one octet more than that side ever sent (RFC 9293 §3.4)."""
    ends = [
        (flow.sequence[p] + flow.length[p] + bool(flow.flags[p] & SYN)) & 0xFFFFFFFF
        for p, side in enumerate(flow.side)
        if side != flow.side[place] and (flow.length[p] or flow.flags[p] & (SYN | FIN))
    ]
    heard = flow.acknowledgement[place]
    return bool(ends and flow.flags[place] & ACK) and min(distance(heard, end) for end in ends) == 1


def _handshake_rtt(flow: Flow) -> int | None:
    """Wireshark's initial RTT: from the SYN to the ACK that completes the handshake."""
    syn: int | None = None
    synack = False
    for position, flags in enumerate(flow.flags):
        if flags & SYN and not flags & ACK and syn is None:
            syn = flow.time[position]
        elif flags & SYN:
            synack = True
        elif synack and syn is not None and flow.side[position] == CLIENT:
            return flow.time[position] - syn
    return None
