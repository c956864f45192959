"""What is unusual about a TCP packet: Wireshark's ``tcp.analysis.*``, reimplemented from behaviour.

State per direction: the highest sequence number sent (``next``), the last acknowledgement and window it gave, and the
highest sequence number its peer may acknowledge.  The order of the tests is Wireshark's and matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntFlag

from testbed.protocols.tcp import ACK, FIN, RST, SYN, Options, distance
from testbed.trace.flows import Flow

_MS = 1_000_000
_FAST_RETRANSMISSION_NS = 20 * _MS
_DEFAULT_RTT_NS = 3 * _MS


class Event(IntFlag):
    """Flags of one packet, named as in Wireshark."""

    ZERO_WINDOW_PROBE = 1 << 0
    ZERO_WINDOW = 1 << 1
    LOST_SEGMENT = 1 << 2
    KEEP_ALIVE = 1 << 3
    WINDOW_UPDATE = 1 << 4
    WINDOW_FULL = 1 << 5
    KEEP_ALIVE_ACK = 1 << 6
    ZERO_WINDOW_PROBE_ACK = 1 << 7
    DUPLICATE_ACK = 1 << 8
    ACK_LOST_SEGMENT = 1 << 9
    SPURIOUS_RETRANSMISSION = 1 << 10
    FAST_RETRANSMISSION = 1 << 11
    OUT_OF_ORDER = 1 << 12
    RETRANSMISSION = 1 << 13


RETRANSMITTED = Event.RETRANSMISSION | Event.FAST_RETRANSMISSION | Event.SPURIOUS_RETRANSMISSION


def event_names(events: int) -> tuple[str, ...]:
    """The flags in words, as Wireshark writes them: ``duplicate_ack``."""
    return tuple(event.name.lower() for event in Event if events & event and event.name)


@dataclass(slots=True)
class _Direction:
    next: int | None = None
    next_time: int = 0
    last_ack: int | None = None
    last_ack_time: int = 0
    window: int | None = None
    scale: int | None = None
    duplicates: int = 0
    to_be_acked: int | None = None
    last: int = 0  # events of the last packet
    advanced_empty: bool = False
    unacked: list[tuple[int, int, int]] = field(default_factory=list)  # start, end, frame
    sack: tuple[tuple[int, int], ...] = ()


def tcp_events(flow: Flow, options: Callable[[int], Options], rtt_ns: int | None) -> list[int]:
    """Events of each packet of a flow.  ``options(row)`` parses those of a row of the packet table."""
    directions = (_Direction(), _Direction())
    _learn_scales(flow, options, directions)
    return [_judge(flow, position, directions, options, rtt_ns) for position in range(len(flow))]


def _learn_scales(flow: Flow, options: Callable[[int], Options], directions: tuple[_Direction, _Direction]) -> None:
    for position, flags in enumerate(flow.flags):
        if flags & SYN:
            directions[flow.side[position]].scale = options(flow.index[position]).window_scale
    if directions[0].scale is None or directions[1].scale is None:
        seen = {flow.side[p] for p, flags in enumerate(flow.flags) if flags & SYN}
        for direction in directions:
            direction.scale = 0 if len(seen) == 2 else None


def _judge(
    flow: Flow,
    position: int,
    directions: tuple[_Direction, _Direction],
    options: Callable[[int], Options],
    rtt_ns: int | None,
) -> int:
    mine, peer = directions[flow.side[position]], directions[1 - flow.side[position]]
    flags, length, now = flow.flags[position], flow.length[position], flow.time[position]
    sequence, ack = flow.sequence[position], flow.acknowledgement[position]
    special = bool(flags & (SYN | FIN | RST))
    window = flow.window[position]
    scaled = window << (mine.scale or 0) if not flags & SYN else window
    events = 0
    at_next = mine.next is not None and sequence == mine.next

    probe = length == 1 and at_next and peer.window == 0
    if probe:
        events |= Event.ZERO_WINDOW_PROBE
    else:
        if window == 0 and not special:
            events |= Event.ZERO_WINDOW
        if mine.next is not None and distance(sequence, mine.next) > 0 and not flags & RST:
            events |= Event.LOST_SEGMENT
        if length <= 1 and mine.next is not None and sequence == (mine.next - 1) % 2**32 and not special:
            events |= Event.KEEP_ALIVE
        same_ack = ack == mine.last_ack
        if not length and window and scaled != mine.window and at_next and same_ack and not special:
            sack = options(flow.index[position]).sack
            events |= Event.DUPLICATE_ACK if sack else Event.WINDOW_UPDATE
        if (
            length
            and mine.scale is not None
            and peer.window is not None
            and peer.last_ack is not None
            and not special
            and (sequence + length) % 2**32 == (peer.last_ack + peer.window) % 2**32
        ):
            events |= Event.WINDOW_FULL
        if not length and not special and window and scaled == mine.window and at_next and same_ack:
            if peer.last & Event.KEEP_ALIVE:
                events |= Event.KEEP_ALIVE_ACK
            else:
                events |= Event.DUPLICATE_ACK
        if (
            not length
            and not special
            and window == 0
            and mine.window == 0
            and at_next
            and mine.last_ack is not None
            and distance(ack, mine.last_ack) in (0, 1)
            and peer.last & Event.ZERO_WINDOW_PROBE
        ):
            events = (events & ~Event.ZERO_WINDOW) | Event.ZERO_WINDOW_PROBE_ACK
    if flags & ACK and peer.to_be_acked is not None and distance(ack, peer.to_be_acked) > 0:
        events |= Event.ACK_LOST_SEGMENT
        peer.to_be_acked = ack
    if (length or flags & (SYN | FIN)) and not events & Event.KEEP_ALIVE:
        events |= _repeated(flow, position, mine, peer, rtt_ns)
    _advance(flow, position, mine, peer, events, scaled, options)
    mine.next_time = now if events == 0 and length else mine.next_time
    return events


def _repeated(flow: Flow, position: int, mine: _Direction, peer: _Direction, rtt_ns: int | None) -> int:
    sequence, length, now = flow.sequence[position], flow.length[position], flow.time[position]
    end = (sequence + length) % 2**32
    if length and peer.last_ack is not None and distance(end, peer.last_ack) <= 0:
        return Event.SPURIOUS_RETRANSMISSION
    if mine.next is None or distance(sequence, mine.next) >= 0 or (length > 1 and sequence == (mine.next - 1) % 2**32):
        return 0
    if peer.duplicates >= 2 and now - peer.last_ack_time < _FAST_RETRANSMISSION_NS:
        covered = any(distance(sequence, low) >= 0 and distance(end, high) <= 0 for low, high in peer.sack)
        if sequence == peer.last_ack or (peer.sack and not covered):
            return Event.FAST_RETRANSMISSION
    known = any(distance(start, end) < 0 and distance(stop, sequence) > 0 for start, stop, _ in mine.unacked)
    in_time = now - mine.next_time < (rtt_ns or _DEFAULT_RTT_NS)
    if in_time and not known and (end != mine.next or mine.advanced_empty):
        return Event.OUT_OF_ORDER
    return Event.RETRANSMISSION


def _advance(
    flow: Flow,
    position: int,
    mine: _Direction,
    peer: _Direction,
    events: int,
    scaled: int,
    options: Callable[[int], Options],
) -> None:
    flags, length, now = flow.flags[position], flow.length[position], flow.time[position]
    sequence, ack = flow.sequence[position], flow.acknowledgement[position]
    consumed = length + bool(flags & SYN) + bool(flags & FIN)
    end = (sequence + consumed) % 2**32
    if (mine.next is None or distance(end, mine.next) > 0) and not events & Event.ZERO_WINDOW_PROBE:
        mine.advanced_empty = length == 0
        mine.next, mine.next_time = end, now
    if consumed and (mine.to_be_acked is None or distance(end, mine.to_be_acked) > 0):
        mine.to_be_acked = end
    if length:
        mine.unacked.append((sequence, end, flow.frame[position]))
    if flags & ACK:
        peer.unacked = [piece for piece in peer.unacked if distance(piece[1], ack) > 0]
        if mine.last_ack != ack or not events & Event.DUPLICATE_ACK:
            mine.duplicates = 0
        if events & Event.DUPLICATE_ACK:
            mine.duplicates += 1
            mine.sack = options(flow.index[position]).sack
        mine.last_ack, mine.last_ack_time = ack, now
    mine.window = scaled
    mine.last = events
