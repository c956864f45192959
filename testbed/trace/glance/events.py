"""The TCP events of a whole batch at once: what :mod:`testbed.trace.tcp.events` finds, for flows without surprises.

A flow in which a segment is missing or overlaps, or somebody probes or acknowledges what was not captured, is left to
the exact code; everything else follows from what each side sent last and how far it had come.
"""

from __future__ import annotations

import numpy as np

from testbed.protocols.tcp import ACK, FIN, RST, SYN
from testbed.trace.glance.batch import Batch, Bools, Ints
from testbed.trace.tcp.events import DEFAULT_RTT_NS, FAST_RETRANSMISSION_NS, TcpEvent

_COUNTED = tuple(10**n for n in range(10))  # Zeek notes these letters at the 1st, 10th, 100th time


def tcp_events(batch: Batch) -> Ints:
    """The events of each packet; flows that need the exact code are marked odd."""
    b = batch
    seen, answered = b.before >= 0, b.peer >= 0
    next_before = np.where(seen, b.highest[b.before], b.sequence)
    _leave_surprises(b, seen, answered, next_before)
    plain = ~b.special
    events = np.where((b.window == 0) & plain, TcpEvent.ZERO_WINDOW, 0)
    events |= np.where(_fills_window(b, answered & plain), TcpEvent.WINDOW_FULL, 0)
    same_ack = seen & (b.raw_ack == b.raw_ack[b.before])
    answers = plain & (b.length == 0) & (b.window > 0) & same_ack & (b.sequence == next_before)
    moved = b.window != b.window[b.before]
    duplicate = answers & ~moved
    events |= np.where(answers & moved, TcpEvent.WINDOW_UPDATE, 0)
    events |= np.where(duplicate, TcpEvent.DUPLICATE_ACK, 0)
    _repetitions(b, events, seen & (b.sequence < next_before), answered, duplicate, same_ack)
    return events


def _leave_surprises(b: Batch, seen: Bools, answered: Bools, next_before: Ints) -> None:
    ahead = seen & (b.sequence > next_before)
    overlapping = seen & (b.sequence < next_before) & (b.next > next_before)
    keep_alive = seen & (b.length <= 1) & (b.sequence == next_before - 1) & ~b.special
    probe = seen & answered & (b.length == 1) & (b.window[b.peer] == 0)
    unseen = answered & (b.flags & ACK != 0) & (b.ack > b.highest[b.peer])
    b.mark(ahead | overlapping | keep_alive | probe | unseen)


def _fills_window(b: Batch, considered: Bools) -> Bools:
    """Data that ends where the window the peer gave last does."""
    full = np.zeros(len(b.index), np.bool_)
    at = np.flatnonzero(considered & (b.length > 0))
    peer = b.peer[at]
    scale = b.scales()[peer]
    window = b.window[peer] << np.where(b.flags[peer] & SYN != 0, 0, np.maximum(scale, 0))
    full[at] = (scale >= 0) & (b.end[at] == b.ack[peer] + window)
    return full


def _repetitions(b: Batch, events: Ints, back: Bools, answered: Bools, duplicate: Bools, same_ack: Bools) -> None:
    """Adds what kind of repetition a segment is.  ``back`` tells that it begins before the highest octet sent."""
    counts = (b.length > 0) | (b.flags & (SYN | FIN) != 0)
    spurious = answered & (b.length > 0) & (b.raw_ack[b.peer] != 0) & (b.end <= b.ack[b.peer])
    events[spurious] |= TcpEvent.SPURIOUS_RETRANSMISSION | TcpEvent.RETRANSMISSION
    at = np.flatnonzero(back & counts & ~spurious)
    if not len(at):
        return
    peer, before = b.peer[at], b.before[at]
    duplicates = _duplicates_in_a_row(b, duplicate, same_ack)[peer]
    recent = b.time[at] - b.time[peer] < FAST_RETRANSMISSION_NS
    asked = answered[at] & (b.raw_sequence[at] == b.raw_ack[peer])
    fast = answered[at] & (duplicates >= 2) & recent & asked
    advanced = b.running_last((b.before < 0) | (b.highest > b.highest[b.before]))[before]
    in_time = b.time[at] - b.time[advanced] < _initial_rtt(b, at)
    early = ~fast & in_time & (b.next[at] != b.highest[before])
    kinds = np.select(
        [fast, early],
        [TcpEvent.FAST_RETRANSMISSION | TcpEvent.RETRANSMISSION, TcpEvent.OUT_OF_ORDER],
        TcpEvent.RETRANSMISSION,
    )
    probed = (b.length[at] > 1) & (b.sequence[at] == b.highest[before] - 1)
    events[at] |= np.where(probed, 0, kinds)


def _duplicates_in_a_row(b: Batch, duplicate: Bools, same_ack: Bools) -> Ints:
    total = np.zeros(len(b.index), np.int64)
    for side in (False, True):
        mine = b.server == side
        total[mine] = np.cumsum(duplicate[mine])
    changed = b.running_last(~same_ack)
    return total - total[changed]


def _initial_rtt(b: Batch, at: Ints) -> Ints:
    """From the SYN to the first ACK after it, where that lies before the packets ``at``; else Wireshark's default."""
    opening = b.flags & (SYN | ACK)
    none = len(b.index)
    syn = _first(b, opening == SYN, none)
    after_syn = (opening == ACK) & (b.index > syn[b.flow])
    ack = _first(b, after_syn, none)
    known = ack < none
    rtt = np.zeros(len(b.first), np.int64)
    rtt[known] = b.time[ack[known]] - b.time[syn[known]]
    flow = b.flow[at]
    usable = (ack[flow] < at) & (rtt[flow] != 0)
    return np.where(usable, rtt[flow], DEFAULT_RTT_NS)


def _first(b: Batch, wanted: Bools, none: int) -> Ints:
    """Per flow the row of its first wanted packet, ``none`` where there is none."""
    return np.minimum.reduceat(np.where(wanted, b.index, none), b.first)


def zeek_letters(batch: Batch) -> list[tuple[Ints, Ints]]:
    """The letters of Zeek's history that each packet adds, as (rows, letters), in the order they are noted."""
    b = batch
    fin, rst, syn = b.flags & FIN != 0, b.flags & RST != 0, b.flags & SYN != 0
    data, bare_ack = (b.length > 0) & ~b.special, (b.length == 0) & ~b.special & (b.flags & ACK != 0)
    sent = b.end + syn
    highest = b.running_highest(sent)
    again = (b.length > 0) & (b.before >= 0) & (sent <= highest[b.before])
    finished = b.running_last(fin)  # of the own side; what the peer finished is looked up at its last packet
    closed = (b.peer >= 0) & (finished[b.peer] >= 0)
    shut = (b.window == 0) & ~rst & ~closed & ~syn
    notes = [
        (_anew(b, np.flatnonzero(syn), b.raw_sequence), "S"),
        (_anew(b, np.flatnonzero(fin), b.raw_sequence + b.length), "F"),
        (_anew(b, np.flatnonzero(rst), b.raw_sequence), "R"),
        (_nth(b, np.flatnonzero(bare_ack), (1,)), "A"),
        (_nth(b, np.flatnonzero(data), (1,)), "D"),
        (_nth(b, np.flatnonzero(again), _COUNTED), "T"),
        (_nth(b, np.flatnonzero(shut), _COUNTED), "W"),
    ]
    result = []
    for rows, letter in notes:
        letters = np.full(len(rows), ord(letter))
        if letter == "S":
            letters[b.flags[rows] & ACK != 0] = ord("H")
        result.append((rows, letters + np.where(b.server[rows], 32, 0)))
    return result


def _anew(b: Batch, rows: Ints, value: Ints) -> Ints:
    """Of some rows those where the one before, on the same side of the flow, had another value, or there was none."""
    fresh = np.ones(len(rows), np.bool_)
    for side in (False, True):
        at = np.flatnonzero(b.server[rows] == side)
        mine = rows[at]
        fresh[at[1:]] = (np.diff(b.flow[mine]) != 0) | (np.diff(value[mine]) != 0)
    return rows[fresh]


def _nth(b: Batch, rows: Ints, wanted: tuple[int, ...]) -> Ints:
    return rows[np.isin(b.rank(rows), wanted)]
